package org.iommu4j.testbench;

import java.nio.file.Path;

/** Finds the jars of vendors' bundles to which cases swap. */
@FunctionalInterface
public interface BundleJars {
    /** There are none. */
    BundleJars NONE = (symbolicName, version) -> null;

    /**
     * The jar of a bundle.
     *
     * @param version as 1.2.0; empty for the one that was built last
     * @return null if there is none
     */
    Path find(String symbolicName, String version);
}
