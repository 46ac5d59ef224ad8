package org.iommu4j.arm.translate;

import org.iommu4j.arm.command.BindPasidTable;

/** A stream in a domain, and how it is bound. */
final class Device {
    private final int streamId;
    private Stage stage;
    private int flags;

    /** A blocked stream. */
    Device(int streamId) {
        this.streamId = streamId;
    }

    int streamId() {
        return streamId;
    }

    /** The binding that it translates through, or null if it is blocked. */
    Stage stage() {
        return stage;
    }

    /** True if it has a TLB of its own that invalidations must reach. */
    boolean deviceTlb() {
        return BindPasidTable.FLAG_DEVICE_TLB.isSet(flags);
    }

    /** True if it may ask for pages. */
    boolean pageRequests() {
        return BindPasidTable.FLAG_PAGE_REQUESTS.isSet(flags);
    }

    /** Those of {@link BindPasidTable#DEVICE_FLAGS} with which it is bound. */
    int flags() {
        return flags;
    }

    /** True if its PASIDs are bound one by one. */
    boolean hasPasids() {
        return stage != null && stage.kind() == Stage.Kind.HOST_CONTEXTS;
    }

    void bind(Stage newStage, int withFlags) {
        stage = newStage;
        flags = withFlags;
    }
}
