package org.iommu4j.intel.translate;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.iommu4j.driver.domain.Members;
import org.iommu4j.driver.table.MapTables;
import org.iommu4j.driver.table.MappedDomain;
import org.iommu4j.intel.table.Agaw;

/**
 * A container's domain: its devices and the stages that they are bound to. What an invalidation needs is kept in arrays,
 * which are rebuilt when a binding changes.
 */
final class Domain implements MappedDomain<Device> {
    private static final int[] NONE = {};
    private static final Use[] NO_USES = {};
    private static final Device[] NO_DEVICES = {};
    private static final long PAGE_BYTES = 4096;

    private final Members<Device> members;
    private final int maxAddressBits;
    private final List<Stage> stages = new ArrayList<>();
    private int[] domainIds = NONE;
    private MapTables memory;
    private Use[] uses = NO_USES;
    private Device[] devicesWithTlb = NO_DEVICES;
    private boolean plain = true;
    private int addressBits;
    private int canonicalBits;
    private long pageBits;

    /** A stage, and a PASID under which requests use it. */
    record Use(Stage stage, int pasid) {}

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

    /** The stage of a translation, or null. */
    Stage stage(Translation translation) {
        for (Stage stage : stages) {
            if (stage.translation().equals(translation)) {
                return stage;
            }
        }
        return null;
    }

    @Override
    public MapTables memory() {
        return memory;
    }

    @Override
    public void memory(MapTables tables) {
        memory = tables;
    }

    /** A translation as it is in this domain: above the memory map, if there is one. */
    Translation placed(Translation translation) {
        return memory == null ? translation : GuestMemory.below(translation, memory);
    }

    /** Host domain ids in use. */
    int[] domainIds() {
        return domainIds;
    }

    /** Each stage with each PASID under which it is used; those of a stage stand together. */
    Use[] uses() {
        return uses;
    }

    /** True if requests with a PASID are bound. */
    boolean isBound(int pasid) {
        for (Use use : uses) {
            if (use.pasid() == pasid) {
                return true;
            }
        }
        return false;
    }

    /** The devices whose own TLB invalidations must reach. */
    Device[] devicesWithTlb() {
        return devicesWithTlb;
    }

    /** True if there are second-stage tables and pass-through only, without PASIDs, and no devices with a TLB. */
    boolean isPlain() {
        return plain;
    }

    /** True if a range ends within what any of its tables translates. */
    boolean translates(long first, long last) {
        return addressBits == Long.SIZE
                || last >>> addressBits == 0
                || (canonicalBits != 0 && first >> (canonicalBits - 1) == -1);
    }

    /** The bits that can be set in the address of a page of 4096 bytes that any of its tables translates. */
    long pageBits() {
        return pageBits;
    }

    @Override
    public void rebuild() {
        domainIds = stages.stream().mapToInt(Stage::domainId).toArray();
        devicesWithTlb = members.devices().stream().filter(Device::deviceTlb).toArray(Device[]::new);
        Map<Stage, TreeSet<Integer>> pasidsOf = new HashMap<>();
        for (Device device : members.devices()) {
            device.byPasid()
                    .forEach((pasid, bound) -> pasidsOf.computeIfAbsent(bound.stage(), stage -> new TreeSet<>())
                            .add(pasid));
        }
        List<Use> found = new ArrayList<>();
        for (Stage stage : stages) {
            TreeSet<Integer> pasids = pasidsOf.getOrDefault(stage, new TreeSet<>());
            stage.shared(pasids.size() > 1);
            pasids.forEach(pasid -> found.add(new Use(stage, pasid)));
        }
        uses = found.toArray(Use[]::new);
        plain = devicesWithTlb.length == 0
                && found.stream()
                        .allMatch(use -> use.pasid() == Device.NO_PASID
                                && !use.stage().translation().isFirstStage());
        canonicalBits = widest(true);
        setAddressBits(
                stages.isEmpty() ? maxAddressBits : Math.max(canonicalBits, Math.min(maxAddressBits, widest(false))));
    }

    private int widest(boolean firstStage) {
        return stages.stream()
                .filter(stage -> stage.translation().isFirstStage() == firstStage)
                .mapToInt(stage -> Agaw.width(stage.translation().aw()))
                .max()
                .orElse(0);
    }

    private void setAddressBits(int bits) {
        addressBits = bits;
        pageBits = (-1L >>> (Long.SIZE - bits)) & -PAGE_BYTES;
    }
}
