package org.iommu4j.upgrade;

import java.util.List;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.spapr.SpaprBackend;

/** The formats of captures that the vendors of this build bring. */
public final class Formats {
    /** All of them. */
    public static final List<CaptureFormat> ALL = Stream.of(
                    new VtdBackend(), new SmmuBackend(), new AmdViBackend(), new SpaprBackend(), new ZpciBackend())
            .map(Backend::captureFormats)
            .flatMap(List::stream)
            .toList();

    private Formats() {}

    /** The one of an architecture. */
    public static CaptureFormat of(String arch) {
        return ALL.stream()
                .filter(format -> format.arch().equals(arch))
                .findFirst()
                .orElseThrow();
    }
}
