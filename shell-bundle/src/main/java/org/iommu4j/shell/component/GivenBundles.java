package org.iommu4j.shell.component;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.zip.ZipException;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.shell.cli.CommandFailure;
import org.iommu4j.shell.cli.ExitStatus;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.testbench.InputFile;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.ServiceReference;

/** Bundles that a command line names: put into the container, and waited for until their backends have settled. */
final class GivenBundles {
    private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(10);
    private static final long POLL_MILLIS = 5;
    private static final String MODEL = "model";

    private final BundleContext context;
    private final IommuService core;

    GivenBundles(BundleContext context, IommuService core) {
        this.context = context;
        this.core = core;
    }

    /** Installs and starts a bundle beside the others. */
    Bundle install(Path jar) {
        Set<Integer> before = ids();
        Bundle bundle;
        try (InputStream in = InputFile.open(jar)) {
            bundle = context.installBundle("given:" + jar.toAbsolutePath(), in);
        } catch (IOException | BundleException e) {
            throw refused(jar, e);
        }
        if (bundle.getSymbolicName() == null) {
            throw failure(jar, "is no bundle: its manifest has no Bundle-SymbolicName");
        }
        start(jar, bundle);
        if (!models(bundle).isEmpty()) {
            settled(jar, before);
        }
        return bundle;
    }

    /** Makes a bundle the only one of its model. */
    IommuModel serveAlone(Path jar) {
        Bundle bundle = install(jar);
        List<String> models = models(bundle);
        if (models.isEmpty()) {
            throw failure(jar, "offers no backend");
        }
        IommuModel model = IommuModel.ofLabel(models.get(0));
        if (model == null) {
            throw failure(jar, "offers a backend of the unknown model '" + OneLine.name(models.get(0)) + "'");
        }
        serve(jar, model, bundle);
        for (Bundle other : context.getBundles()) {
            if (!other.equals(bundle) && models(other).contains(model.label())) {
                try {
                    other.uninstall();
                } catch (BundleException e) {
                    throw failure(jar, "cannot take the place of " + other.getSymbolicName() + ": " + Texts.message(e));
                }
            }
        }
        return model;
    }

    /** The backend that came last is the bundle's: nothing else comes while a command line begins. */
    private void serve(Path jar, IommuModel model, Bundle bundle) {
        BackendStatus last = null;
        for (BackendStatus status : core.backends()) {
            if (status.model() == model && (last == null || status.id() > last.id())) {
                last = status;
            }
        }
        if (last == null) {
            throw failure(jar, "offers no backend that the core takes");
        }
        if (last.state() != BackendStatus.State.ACTIVE) {
            SwapReport report = core.swap(model, "#" + last.id(), SwapLimits.DEFAULT);
            if (report.outcome() != SwapReport.Outcome.DONE) {
                throw failure(jar, "does not take over from version " + bundle.getVersion() + ": " + report.reason());
            }
        }
    }

    private void start(Path jar, Bundle bundle) {
        try {
            bundle.start();
        } catch (BundleException e) {
            throw refused(jar, e);
        }
    }

    /** Waits until every backend that has come since is of use or has failed. */
    private void settled(Path jar, Set<Integer> before) {
        long begin = System.nanoTime();
        while (System.nanoTime() - begin < WAIT_NANOS) {
            List<BackendStatus> come = new ArrayList<>();
            for (BackendStatus status : core.backends()) {
                if (!before.contains(status.id())) {
                    come.add(status);
                }
            }
            if (!come.isEmpty() && come.stream().allMatch(GivenBundles::isSettled)) {
                for (BackendStatus status : come) {
                    if (status.state() == BackendStatus.State.FAILED) {
                        throw failure(jar, "has a backend that has failed: " + status.reason());
                    }
                }
                return;
            }
            sleep();
        }
        throw failure(
                jar, "has a backend that did not come within " + TimeUnit.NANOSECONDS.toSeconds(WAIT_NANOS) + " s");
    }

    private static boolean isSettled(BackendStatus status) {
        return switch (status.state()) {
            case ACTIVE, STANDBY, FAILED -> true;
            default -> false;
        };
    }

    private Set<Integer> ids() {
        Set<Integer> ids = new HashSet<>();
        core.backends().forEach(status -> ids.add(status.id()));
        return ids;
    }

    /** By what its services say of themselves: a backend might not answer. */
    private static List<String> models(Bundle bundle) {
        List<String> models = new ArrayList<>();
        ServiceReference<?>[] services = bundle.getRegisteredServices();
        if (services != null) {
            for (ServiceReference<?> service : services) {
                for (String type : (String[]) service.getProperty("objectClass")) {
                    if (type.equals(Backend.class.getName())) {
                        models.add(String.valueOf(service.getProperty(MODEL)));
                    }
                }
            }
        }
        return models;
    }

    /** Reason why a file cannot be used, also where the framework only says that it could not keep it. */
    private static String reason(Exception e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof ZipException) {
                return "is no jar";
            }
        }
        return e instanceof IOException
                ? Texts.message(e)
                : "cannot be installed: " + OneLine.unresolved(Texts.message(e));
    }

    private static CommandFailure refused(Path jar, Exception e) {
        return new CommandFailure(ExitStatus.USAGE, jar + ": " + reason(e), e);
    }

    private static CommandFailure failure(Path jar, String what) {
        return new CommandFailure(ExitStatus.USAGE, jar + " " + what, null);
    }

    private static void sleep() {
        try {
            Thread.sleep(POLL_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailure(ExitStatus.BROKEN, "interrupted", e);
        }
    }
}
