package org.iommu4j.intel.translate;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.intel.table.Agaw;

/**
 * A container's domain: its devices and the stages that they are bound to. What an invalidation needs is kept in arrays,
 * which are rebuilt when a binding changes.
 */
final class Domain {
    private static final int[] NONE = {};
    private static final long PAGE_BYTES = 4096;

    private final int number;
    private final int maxAddressBits;
    private final TreeMap<Integer, Device> devices = new TreeMap<>();
    private final List<Stage> stages = new ArrayList<>();
    private int[] domainIds = NONE;
    private int[] devicesWithTlb = NONE;
    private int addressBits;
    private long pageBits;

    /**
     * An empty domain.
     *
     * @param maxAddressBits CAP.MGAW in bits
     */
    Domain(int number, int maxAddressBits) {
        this.number = number;
        this.maxAddressBits = maxAddressBits;
        setAddressBits(maxAddressBits);
    }

    int number() {
        return number;
    }

    Map<Integer, Device> devices() {
        return devices;
    }

    List<Stage> stages() {
        return stages;
    }

    Device device(int requester) {
        return devices.get(requester);
    }

    /** The stage of a table, or null. */
    Stage stage(long table, int aw, boolean passThrough) {
        for (Stage stage : stages) {
            if (stage.is(table, aw, passThrough)) {
                return stage;
            }
        }
        return null;
    }

    /** Host domain ids in use. */
    int[] domainIds() {
        return domainIds;
    }

    /** Requester ids of the devices whose own TLB invalidations must reach. */
    int[] devicesWithTlb() {
        return devicesWithTlb;
    }

    /** Bits of the widest address that any of its tables translates. */
    int addressBits() {
        return addressBits;
    }

    /** The bits that can be set in the address of a page of 4096 bytes that any of its tables translates. */
    long pageBits() {
        return pageBits;
    }

    /** Brings the arrays up to date. */
    void rebuild() {
        domainIds = stages.stream().mapToInt(Stage::domainId).toArray();
        devicesWithTlb = devices.values().stream()
                .filter(Device::deviceTlb)
                .mapToInt(Device::requester)
                .toArray();
        setAddressBits(Math.min(
                maxAddressBits,
                stages.stream().mapToInt(stage -> Agaw.width(stage.aw())).max().orElse(maxAddressBits)));
    }

    private void setAddressBits(int bits) {
        addressBits = bits;
        pageBits = (-1L >>> (Long.SIZE - bits)) & -PAGE_BYTES;
    }
}
