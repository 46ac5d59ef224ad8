package org.iommu4j.backend;

import java.util.Arrays;
import org.iommu4j.contract.IommuModel;

/**
 * The saved state of one chip, one driver or one virtual IOMMU: documented bytes that a newer bundle can read.
 *
 * @param model the model that wrote it
 * @param kind whose state it is
 * @param version of the state's format
 * @param bytes the state
 */
public record Snapshot(IommuModel model, Kind kind, int version, byte[] bytes) {
    /** The object whose state was saved. */
    public enum Kind {
        /** Registers, queues, fault records. */
        HARDWARE,
        /** Host tables, domain ids, bindings. */
        TRANSLATOR,
        /** A virtual IOMMU's registers and what it knows of its guest. */
        GUEST
    }

    /** Copies the bytes. */
    public Snapshot {
        bytes = bytes.clone();
    }

    /** A copy of the bytes. */
    @Override
    public byte[] bytes() {
        return bytes.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Snapshot that
                && model == that.model
                && kind == that.kind
                && version == that.version
                && Arrays.equals(bytes, that.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes) * 31 + version;
    }

    @Override
    public String toString() {
        return model + " " + kind + " state version " + version + ", " + bytes.length + " bytes";
    }
}
