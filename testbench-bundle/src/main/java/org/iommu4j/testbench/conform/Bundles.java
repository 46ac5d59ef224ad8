package org.iommu4j.testbench.conform;

import java.nio.file.Path;
import java.util.List;

/** Puts bundles into the container and takes them out. */
public interface Bundles {
    /**
     * Installs and starts a bundle beside what is there, and beside other copies of itself.
     *
     * @throws BundleRefusedException if the container refuses it
     */
    Installed install(Path jar);

    /** A bundle that was installed. */
    interface Installed {
        /**
         * Uninstalls it.
         *
         * @throws BundleRefusedException if the container refuses that
         */
        void uninstall();

        /**
         * Names of the objects that are left of the bundle in the container some time after it was uninstalled; empty if
         * none are.
         */
        List<String> left();
    }

    /** The container refuses a bundle; the message is why. */
    final class BundleRefusedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        /** A refusal. */
        public BundleRefusedException(String why, Throwable cause) {
            super(why, cause);
        }
    }
}
