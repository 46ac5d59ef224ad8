package org.iommu4j.intel.translate;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.driver.domain.DomainRecord;
import org.iommu4j.driver.domain.Members;
import org.iommu4j.intel.table.Agaw;

/**
 * A container's domain: its devices and the stages that they are bound to. What an invalidation needs is kept in arrays,
 * which are rebuilt when a binding changes.
 */
final class Domain implements DomainRecord<Device> {
    private static final int[] NONE = {};
    private static final long PAGE_BYTES = 4096;

    private final Members<Device> members;
    private final int maxAddressBits;
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
        members = new Members<>(number);
        this.maxAddressBits = maxAddressBits;
        setAddressBits(maxAddressBits);
    }

    @Override
    public Members<Device> members() {
        return members;
    }

    List<Stage> stages() {
        return stages;
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

    @Override
    public void rebuild() {
        domainIds = stages.stream().mapToInt(Stage::domainId).toArray();
        devicesWithTlb = members.devices().stream()
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
