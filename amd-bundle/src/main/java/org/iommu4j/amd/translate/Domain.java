package org.iommu4j.amd.translate;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.driver.domain.Members;
import org.iommu4j.driver.table.MapTables;
import org.iommu4j.driver.table.MappedDomain;

/**
 * A container's domain: its devices and the stages that they are bound to. What an invalidation needs is kept in arrays, which are
 * rebuilt when a binding changes.
 */
final class Domain implements MappedDomain<Device> {
    private static final Stage[] NO_STAGES = {};
    private static final Device[] NO_DEVICES = {};

    private final Members<Device> members;
    private final List<Stage> stages = new ArrayList<>();
    private MapTables memory;
    private Stage[] inUse = NO_STAGES;
    private Device[] devicesWithTlb = NO_DEVICES;
    private boolean hasGuest;
    private int guestDomains;

    Domain(int number) {
        members = new Members<>(number);
    }

    @Override
    public Members<Device> members() {
        return members;
    }

    List<Stage> stages() {
        return stages;
    }

    /** The stage of a context and a domain id of the guest, or null. */
    Stage stage(Context context, int guestDomain) {
        for (Stage stage : stages) {
            if (stage.guestDomain() == guestDomain && stage.context().equals(context)) {
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

    /** A context as it is in this domain: above the memory map, if there is one. */
    Context placed(Context context) {
        return memory == null ? context : GuestMemory.below(context, memory);
    }

    /** The stages, for requests. */
    Stage[] inUse() {
        return inUse;
    }

    /** The devices whose own TLB invalidations must reach. */
    Device[] devicesWithTlb() {
        return devicesWithTlb;
    }

    /** The devices that may ask for pages. */
    Device[] devicesWithPageRequests() {
        return members.devices().stream().filter(Device::pageRequests).toArray(Device[]::new);
    }

    /** True if any stage has guest translation. */
    boolean hasGuest() {
        return hasGuest;
    }

    /** How many domain ids of the guest its bound devices are in. */
    int guestDomains() {
        return guestDomains;
    }

    @Override
    public void rebuild() {
        inUse = stages.toArray(Stage[]::new);
        devicesWithTlb = members.devices().stream()
                .filter(device -> device.deviceTlb() && device.stage() != null)
                .toArray(Device[]::new);
        guestDomains = (int) members.devices().stream()
                .filter(device -> device.stage() != null)
                .mapToInt(Device::guestDomain)
                .distinct()
                .count();
        hasGuest = stages.stream().anyMatch(stage -> stage.context().hasGuest());
    }
}
