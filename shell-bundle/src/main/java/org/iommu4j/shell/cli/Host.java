package org.iommu4j.shell.cli;

import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.shell.text.Screen;

/** The surroundings of the command line: services, files and limits. */
public interface Host {
    /**
     * The core.
     *
     * @throws CommandFailure if it is not there in time
     */
    IommuService core();

    /**
     * A service of the container.
     *
     * @throws CommandFailure if it is not there in time
     */
    <T> T service(Class<T> type);

    /**
     * Waits for a backend.
     *
     * @throws CommandFailure if none serves the model in time; it lists the models that are served
     */
    void awaitBackend(IommuModel model);

    /**
     * Symbolic name of the bundle whose backend serves a model.
     *
     * @throws CommandFailure if there is none
     */
    String symbolicName(IommuModel model);

    /**
     * Installs and starts a bundle beside those that are there, and waits for its backends. Which backend serves each model then, the
     * core decides.
     *
     * @throws CommandFailure if the file is no bundle, it cannot be started, or a backend of it fails its trial
     */
    void install(Path jar);

    /**
     * Makes a bundle the only one of its model: any other that offers a backend of it is taken away.
     *
     * @return the model
     * @throws CommandFailure as {@link #install}, and if the bundle offers no backend
     */
    IommuModel serveAlone(Path jar);

    /** A new session of the shell, writing to standard output and error. */
    CommandSession openSession();

    /** Standard input. */
    InputStream in();

    /**
     * The lines of a shell, from standard input.
     *
     * @param completions what a person who types them can choose from
     * @param out where prompts go
     */
    default ShellInput openInput(Completions completions, PrintWriter out) {
        return new PlainInput(
                new BufferedReader(new InputStreamReader(in(), StandardCharsets.UTF_8)), out, inputIsTerminal());
    }

    /** True if a person types the input. */
    boolean inputIsTerminal();

    /** Origin of the results, as JSON that {@link org.iommu4j.shell.text.RunJson} puts into them; empty where nobody knows. */
    default String run() {
        return "";
    }

    /** Screen on which results are shown. */
    default Screen screen() {
        return Screen.NONE;
    }

    /** Screen on which messages are shown. */
    default Screen errorScreen() {
        return Screen.NONE;
    }

    /** True if what is written to standard error can be written over. */
    boolean errorIsTerminal();

    /** The folder of the project, where captures and released jars are found. */
    Path home();

    /** Version of the program. */
    String version();
}
