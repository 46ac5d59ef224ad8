package org.iommu4j.upgrade.bundles;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.UpgradeException;
import org.osgi.framework.Version;

/** Makes one version of each vendor's bundle serve for a time; afterwards all is as before. */
public final class BackendChoice implements AutoCloseable {
    private final IommuService service;
    private final VendorBundles bundles;
    private final Version version;

    /** The one bundle that is meant, or null. */
    private final VendorJar jar;

    private final List<Path> jars;

    /** A sentence for each bundle that was installed. */
    private final List<String> notes = new ArrayList<>();

    /** Undoes the installations, the last one first. */
    private final Deque<Runnable> undo = new ArrayDeque<>();

    private BackendChoice(
            IommuService service, VendorBundles bundles, Version version, VendorJar jar, List<Path> jars) {
        this.service = service;
        this.bundles = bundles;
        this.version = version;
        this.jar = jar;
        this.jars = jars;
    }

    /**
     * A choice that has no effect yet.
     *
     * @throws UpgradeException if what is chosen is neither a version nor a bundle
     */
    public static BackendChoice of(IommuService service, VendorBundles bundles, RecordOptions options) {
        if (options.isOneJar()) {
            VendorJar jar = VendorJar.read(options.jars().get(0));
            return new BackendChoice(service, bundles, jar.version(), jar, List.of());
        }
        String version = options.backend();
        try {
            return new BackendChoice(
                    service, bundles, version.isEmpty() ? null : Version.parseVersion(version), null, options.jars());
        } catch (IllegalArgumentException e) {
            throw new UpgradeException("'" + version + "' is neither a bundle's file nor its version, as 1.0.0", e);
        }
    }

    /**
     * Makes the chosen version serve a model.
     *
     * @return who serves now; null if nobody does
     * @throws UpgradeException if the version is neither there nor among the jars, or the core refuses it
     */
    public BackendStatus choose(IommuModel model) {
        ModelBackends backends = new ModelBackends(service, model);
        BackendStatus serving = backends.serving();
        if (version == null || serving == null || (jar == null && isWanted(serving.version()))) {
            return serving;
        }
        BackendStatus wanted = jar == null ? present(model) : install(jar, backends);
        if (wanted == null) {
            wanted = installed(model, backends);
        }
        if (wanted.state() != BackendStatus.State.ACTIVE) {
            swap(model, wanted);
        }
        undo.push(() -> swap(model, serving));
        return backends.serving();
    }

    /** A sentence for each installed jar, with its digest. */
    public List<String> notes() {
        return notes;
    }

    private BackendStatus present(IommuModel model) {
        BackendStatus newest = null;
        for (BackendStatus status : service.backends()) {
            if (status.model() == model
                    && status.state() == BackendStatus.State.STANDBY
                    && isWanted(status.version())) {
                newest = status;
            }
        }
        return newest;
    }

    private BackendStatus installed(IommuModel model, ModelBackends backends) {
        String name = bundles.symbolicName(model);
        for (Path file : jars) {
            VendorJar read = VendorJar.read(file);
            if (read.symbolicName().equals(name) && isWanted(read.version().toString())) {
                return install(read, backends);
            }
        }
        throw new UpgradeException("version " + version + " of " + name + " is neither installed nor among "
                + jars.size() + " released bundles");
    }

    /** Puts a bundle beside the others, until all is undone. */
    private BackendStatus install(VendorJar wanted, ModelBackends backends) {
        Set<Integer> before = backends.ids();
        long bundle = bundles.install(wanted);
        undo.push(() -> bundles.uninstall(bundle));
        notes.add(
                "version " + wanted.version() + " is " + wanted.file().getFileName() + ", SHA-256 " + wanted.sha256());
        BackendStatus arrived = backends.arrival(before);
        if (arrived == null) {
            throw new UpgradeException("the backend of " + wanted.file() + " did not come");
        }
        return arrived;
    }

    private void swap(IommuModel model, BackendStatus wanted) {
        SwapReport report = service.swap(model, "#" + wanted.id(), SwapLimits.DEFAULT);
        if (report.outcome() != SwapReport.Outcome.DONE) {
            throw new UpgradeException(
                    "the swap to " + wanted.version() + " was not made: " + report.outcome() + " " + report.reason());
        }
    }

    /** Versions are compared without their qualifiers, which a build adds. */
    private boolean isWanted(String other) {
        try {
            Version that = Version.parseVersion(other);
            return that.getMajor() == version.getMajor()
                    && that.getMinor() == version.getMinor()
                    && that.getMicro() == version.getMicro();
        } catch (IllegalArgumentException e) {
            // A backend may call its version what it likes.
            return false;
        }
    }

    @Override
    public void close() {
        while (!undo.isEmpty()) {
            undo.pop().run();
        }
    }
}
