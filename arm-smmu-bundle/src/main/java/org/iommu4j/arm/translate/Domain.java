package org.iommu4j.arm.translate;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.driver.domain.Members;
import org.iommu4j.driver.table.MapTables;
import org.iommu4j.driver.table.MappedDomain;

/**
 * A container's domain: its streams and what they translate through. What an invalidation needs is kept in arrays, which are
 * rebuilt when a binding changes.
 */
final class Domain implements MappedDomain<Device> {
    private static final Device[] NOBODY = {};
    private static final Stage[] NOTHING = {};

    private final Members<Device> members;
    private final GuestMemory guestMemory;
    private final List<Stage> stages = new ArrayList<>();
    private MapTables memory;
    private Stage[] inUse = NOTHING;
    private Device[] devicesWithTlb = NOBODY;

    Domain(int number, GuestMemory guestMemory) {
        this.guestMemory = guestMemory;
        members = new Members<>(number);
    }

    @Override
    public Members<Device> members() {
        return members;
    }

    List<Stage> stages() {
        return stages;
    }

    /** The stage that is the same as another but for what the host has chosen, or null. */
    Stage sameAs(Stage other) {
        for (Stage stage : stages) {
            if (stage.isSame(other)) {
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

    /** A stage as it is in this domain: above the memory map, if there is one. */
    Stage placed(Stage stage) {
        return memory == null ? stage : stage.withWords(guestMemory.below(stage.ste(), memory));
    }

    /** The stages, for loops that allocate nothing. */
    Stage[] inUse() {
        return inUse;
    }

    /** Streams whose own TLB invalidations must reach. */
    Device[] devicesWithTlb() {
        return devicesWithTlb;
    }

    /** Streams that may ask for pages. */
    Device[] devicesWithPageRequests() {
        return members.devices().stream().filter(Device::pageRequests).toArray(Device[]::new);
    }

    @Override
    public void rebuild() {
        inUse = stages.toArray(Stage[]::new);
        devicesWithTlb = members.devices().stream()
                .filter(device -> device.stage() != null && device.deviceTlb())
                .toArray(Device[]::new);
    }
}
