package org.iommu4j.arm.translate;

/** A stream in a domain, and how it is bound. */
final class Device {
    private final int streamId;
    private Stage stage;
    private boolean deviceTlb;

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
        return deviceTlb;
    }

    /** True if its PASIDs are bound one by one. */
    boolean hasPasids() {
        return stage != null && stage.kind() == Stage.Kind.HOST_CONTEXTS;
    }

    void bind(Stage newStage, boolean withDeviceTlb) {
        stage = newStage;
        deviceTlb = withDeviceTlb;
    }
}
