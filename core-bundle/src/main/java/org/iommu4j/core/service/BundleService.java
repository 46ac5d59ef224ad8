package org.iommu4j.core.service;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.iommu4j.contract.IommuModel;
import org.osgi.annotation.versioning.ProviderType;

/** Puts vendors' bundles into the container and takes them out; an OSGi service. May be called from any thread. */
@ProviderType
public interface BundleService {
    /**
     * Installs and starts a bundle beside those that are there, and beside other copies of itself. One that does not start is
     * not left behind.
     *
     * @param jar where it comes from, for messages
     * @param bytes the jar
     * @return its id
     * @throws BundleRefusedException if the container refuses it
     */
    long install(Path jar, byte[] bytes);

    /**
     * Replaces a bundle by another version in its place; afterwards it is started.
     *
     * @throws BundleRefusedException if the container refuses it, or the bundle is gone
     */
    void update(long bundle, Path jar, byte[] bytes);

    /**
     * Uninstalls a bundle.
     *
     * @throws BundleRefusedException if the container refuses it, or the bundle is gone
     */
    void uninstall(long bundle);

    /** True if a bundle is there. */
    boolean isInstalled(long bundle);

    /** The ids of the active bundles of a symbolic name. */
    List<Long> active(String symbolicName);

    /** Symbolic name of the bundle whose backend serves a model; empty if there is none. */
    String symbolicName(IommuModel model);

    /**
     * What holds the classes of a bundle. Asked before the bundle is uninstalled; the answer, some time after that, is what is
     * left of it in the container, a sentence each, and empty if nothing is. It waits up to a few seconds for the collector.
     */
    Supplier<List<String>> remains(long bundle);

    /** The container refuses a bundle; the message is why. */
    final class BundleRefusedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        /** A refusal. */
        public BundleRefusedException(String why, Throwable cause) {
            super(why, cause);
        }
    }
}
