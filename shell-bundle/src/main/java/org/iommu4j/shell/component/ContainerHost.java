package org.iommu4j.shell.component;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.felix.service.command.CommandProcessor;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.shell.cli.CommandFailure;
import org.iommu4j.shell.cli.CommandSession;
import org.iommu4j.shell.cli.Completions;
import org.iommu4j.shell.cli.ExitStatus;
import org.iommu4j.shell.cli.Host;
import org.iommu4j.shell.cli.Models;
import org.iommu4j.shell.cli.ShellInput;
import org.iommu4j.shell.gogo.GogoSession;
import org.iommu4j.shell.terminal.TerminalInput;
import org.iommu4j.shell.text.RunJson;
import org.iommu4j.shell.text.Screen;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.util.tracker.ServiceTracker;

/** The command line's view of the OSGi container. */
final class ContainerHost implements Host {
    /** Bundles have started when the command line runs; what they register may take a moment more. */
    private static final long SERVICE_WAIT_MILLIS = 5_000;

    private static final long BACKEND_WAIT_MILLIS = 5_000;
    private static final long ANOTHER_BACKEND_WAIT_MILLIS = 1_000;
    private static final long POLL_MILLIS = 10;

    private final BundleContext context;
    private final CommandProcessor processor;
    private final OutputStream out;
    private final OutputStream err;
    private final Instant begun = Instant.now();

    /** The bundles that the user gave. */
    private final List<Path> given = new ArrayList<>();

    /** The command line writes to these streams, whatever runs it. */
    ContainerHost(BundleContext context, CommandProcessor processor, OutputStream out, OutputStream err) {
        this.context = context;
        this.processor = processor;
        this.out = out;
        this.err = err;
    }

    @Override
    public IommuService core() {
        return service(IommuService.class);
    }

    @Override
    public <T> T service(Class<T> type) {
        ServiceTracker<T, T> tracker = new ServiceTracker<>(context, type, null);
        tracker.open();
        try {
            T service = tracker.waitForService(SERVICE_WAIT_MILLIS);
            if (service == null) {
                throw new CommandFailure(
                        ExitStatus.BROKEN,
                        "no service " + type.getName() + " after " + SERVICE_WAIT_MILLIS + " ms "
                                + new Absence(context).of(type),
                        null);
            }
            return service;
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    @Override
    public void awaitBackend(IommuModel model) {
        IommuService core = core();
        long start = System.nanoTime();
        while (core.backend(model) == null) {
            long waitedMillis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
            boolean others = !Models.installed(core).isEmpty();
            if (waitedMillis >= (others ? ANOTHER_BACKEND_WAIT_MILLIS : BACKEND_WAIT_MILLIS)) {
                throw new CommandFailure(ExitStatus.USAGE, Models.notInstalled(model, core), null);
            }
            try {
                Thread.sleep(POLL_MILLIS);
            } catch (InterruptedException e) {
                throw interrupted(e);
            }
        }
    }

    @Override
    public String symbolicName(IommuModel model) {
        try {
            // By what the service says of itself: the backend is not asked, as it might not answer.
            for (ServiceReference<Backend> reference :
                    context.getServiceReferences(Backend.class, "(model=" + model.label() + ")")) {
                return reference.getBundle().getSymbolicName();
            }
        } catch (InvalidSyntaxException e) {
            throw new IllegalStateException(e);
        }
        throw new CommandFailure(ExitStatus.USAGE, Models.notInstalled(model, core()), null);
    }

    @Override
    public void install(Path jar) {
        bundles().install(jar);
        given.add(jar);
    }

    @Override
    public IommuModel serveAlone(Path jar) {
        return bundles().serveAlone(jar);
    }

    private GivenBundles bundles() {
        return new GivenBundles(context, core());
    }

    @Override
    public CommandSession openSession() {
        return new GogoSession(processor, out, err);
    }

    @Override
    public InputStream in() {
        return new FileInputStream(FileDescriptor.in);
    }

    @Override
    public ShellInput openInput(Completions completions, PrintWriter lines) {
        if (inputIsTerminal() && screen().width() > 0) {
            try {
                return TerminalInput.open(completions, screen().colours(), history());
            } catch (IOException | NoClassDefFoundError e) {
                // The terminal cannot be driven, or this container has no library for it: then it is read as it is.
                return Host.super.openInput(completions, lines);
            }
        }
        return Host.super.openInput(completions, lines);
    }

    private static Path history() {
        String state = System.getenv("XDG_STATE_HOME");
        Path folder = state == null || state.isEmpty()
                ? Path.of(System.getProperty("user.home"), ".local", "state")
                : Path.of(state);
        return folder.resolve("iommu4j").resolve("history");
    }

    @Override
    public boolean inputIsTerminal() {
        return Boolean.getBoolean("iommu4j.stdin.terminal");
    }

    @Override
    public String run() {
        Map<String, String> digests = new LinkedHashMap<>();
        given.forEach(jar -> digests.put(jar.toString(), sha256(jar)));
        // The launcher's jar is the one entry of the class path.
        Path program = Path.of(System.getProperty("java.class.path", ""));
        return RunJson.of(
                begun, version(), Files.isRegularFile(program) ? sha256(program) : "", core().backends(), digests);
    }

    private static String sha256(Path file) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
        } catch (IOException e) {
            throw new CommandFailure(ExitStatus.USAGE, file + " cannot be read: " + e.getMessage(), e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public Screen screen() {
        return Screen.output();
    }

    @Override
    public Screen errorScreen() {
        return Screen.error();
    }

    @Override
    public boolean errorIsTerminal() {
        return Boolean.getBoolean("iommu4j.stderr.terminal");
    }

    @Override
    public Path home() {
        return Path.of(System.getProperty("iommu4j.home", ""));
    }

    @Override
    public String version() {
        return context.getBundle().getVersion().toString();
    }

    private static CommandFailure interrupted(InterruptedException e) {
        Thread.currentThread().interrupt();
        return new CommandFailure(ExitStatus.BROKEN, "interrupted", e);
    }
}
