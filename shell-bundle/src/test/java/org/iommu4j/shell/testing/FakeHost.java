package org.iommu4j.shell.testing;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.shell.cli.CommandFailure;
import org.iommu4j.shell.cli.CommandSession;
import org.iommu4j.shell.cli.ExitStatus;
import org.iommu4j.shell.cli.Host;
import org.iommu4j.shell.cli.Models;
import org.iommu4j.shell.text.Screen;

/** A container with the services that a test provides; its shell answers {@code did TEXT}, and fails at {@code fail}. */
public final class FakeHost implements Host {
    private final Path home;
    private final IommuService core = new FakeIommuService();
    private final Map<Class<?>, Object> services = new HashMap<>();
    private final List<String> executed = new ArrayList<>();
    private final List<Path> installed = new ArrayList<>();
    private String refusal = "";
    private String input = "";
    private Screen screen = Screen.NONE;

    /** A host with that folder. */
    public FakeHost(Path home) {
        this.home = home;
    }

    /** Adds or replaces a service. */
    public <T> void provide(Class<T> type, T service) {
        services.put(type, service);
    }

    /** Sets standard input. */
    public void input(String text) {
        input = text;
    }

    /** Sets what results are shown on. */
    public void showOn(Screen on) {
        screen = on;
    }

    /** Refuses every bundle with that sentence. */
    public void refuseBundles(String why) {
        refusal = why;
    }

    /** The lines that the shell was given. */
    public List<String> executed() {
        return executed;
    }

    @Override
    public IommuService core() {
        return core;
    }

    @Override
    public <T> T service(Class<T> type) {
        if (!services.containsKey(type)) {
            throw new CommandFailure(ExitStatus.BROKEN, "no service " + type.getName(), null);
        }
        return type.cast(services.get(type));
    }

    @Override
    public void awaitBackend(IommuModel model) {
        if (!Models.installed(core).contains(model.label())) {
            throw new CommandFailure(ExitStatus.USAGE, Models.notInstalled(model, core), null);
        }
    }

    @Override
    public String symbolicName(IommuModel model) {
        return "org.example." + model.label();
    }

    @Override
    public void install(Path jar) {
        if (!refusal.isEmpty()) {
            throw new CommandFailure(ExitStatus.USAGE, refusal, null);
        }
        installed.add(jar);
    }

    @Override
    public IommuModel serveAlone(Path jar) {
        installed.add(jar);
        return IommuModel.INTEL;
    }

    /** The bundles that were installed, in order. */
    public List<Path> installed() {
        return installed;
    }

    @Override
    public CommandSession openSession() {
        return text -> {
            executed.add(text.strip());
            if (text.startsWith("fail")) {
                throw new CommandFailure("it failed");
            }
            return "did " + text.strip();
        };
    }

    @Override
    public Screen screen() {
        return screen;
    }

    @Override
    public InputStream in() {
        return new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public boolean inputIsTerminal() {
        return false;
    }

    @Override
    public boolean errorIsTerminal() {
        return false;
    }

    @Override
    public Path home() {
        return home;
    }

    @Override
    public String version() {
        return "1.2.3";
    }
}
