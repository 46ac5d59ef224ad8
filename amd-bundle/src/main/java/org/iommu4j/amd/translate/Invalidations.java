package org.iommu4j.amd.translate;

import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.driver.range.RangeCover;

/**
 * Which commands a request comes to, docs/spec/amd-vi.md 5.3 and 5.4: INVALIDATE_IOMMU_PAGES for every host domain id, then
 * INVALIDATE_IOTLB_PAGES for every device with a TLB of its own, so that a device that asks again sees the new tables. Reused by
 * its owner; allocates nothing.
 */
final class Invalidations {
    private static final int NO_PASID = QueueCommands.NO_PASID;
    private static final int PAGE_SHIFT = SizeEncoding.PAGE_SHIFT;

    /** log2 in pages of the largest block that has a code. */
    private static final int LARGEST_ORDER = SizeEncoding.LARGEST_SHIFT - PAGE_SHIFT;

    private final QueueCommands commands;
    private final Removals removals;
    private final RangeCover cover;
    private boolean whole = true;
    private boolean exact = true;

    /**
     * For one chip.
     *
     * @param removals drops what a device holds
     * @param neverMore true if nothing beside a range may be dropped: AMD-D.4, a chip that keeps absent entries
     */
    Invalidations(QueueCommands commands, Removals removals, boolean neverMore) {
        this.commands = commands;
        this.removals = removals;
        cover = neverMore ? new RangeCover(RangeCover.MOST_BLOCKS) : new RangeCover();
    }

    /** Everything is meant. */
    void everything() {
        whole = true;
        exact = true;
    }

    /**
     * A range is meant.
     *
     * @param first first address
     * @param last last address
     * @param one true for the one block that holds the range
     */
    void range(long first, long last, boolean one) {
        if (one) {
            cover.coverWithOne(first, last);
        } else {
            cover.cover(first, last, RangeCover.WHOLE_SPACE_ORDER);
            for (int i = 0; i < cover.count(); i++) {
                if (cover.order(i) > LARGEST_ORDER) {
                    cover.coverWithOne(first, last);
                    break;
                }
            }
        }
        whole = cover.order(0) > LARGEST_ORDER;
        exact = cover.exact() && !whole;
    }

    /** True if the blocks are what was meant and nothing more. */
    boolean isExact() {
        return exact;
    }

    /** Drops translations of host tables, or of PASID 0 where that stands for requests without PASID. */
    void withoutPasid(Domain domain, boolean directories) {
        for (Stage stage : domain.inUse()) {
            pages(stage, contextWithoutPasid(stage), directories);
        }
        for (Device device : domain.devicesWithTlb()) {
            int pasid = contextWithoutPasid(device.stage());
            if (pasid == NO_PASID && device.stage().context().isNested()) {
                nestedDevice(device);
            } else {
                deviceTlb(device, pasid);
            }
        }
    }

    /** Drops translations of one PASID. */
    void pasid(Domain domain, int pasid, boolean directories) {
        for (Stage stage : domain.inUse()) {
            if (stage.hasPasid(pasid)) {
                pages(stage, pasid, directories);
            }
        }
        for (Device device : domain.devicesWithTlb()) {
            if (device.stage().hasPasid(pasid)) {
                deviceTlb(device, pasid);
            }
        }
    }

    /**
     * Drops translations with and without PASID. Where the guest binds PASIDs itself a command without PASID reaches them, too: those of
     * a nested domain and of devices; {@link Removals#dropOpenPasids} reaches the others.
     *
     * @param hostToo true if host tables are meant even where PASID 0 stands for requests without PASID
     */
    void all(Domain domain, boolean directories, boolean hostToo) {
        for (Stage stage : domain.inUse()) {
            boolean giov = stage.context().hasGuest() && stage.context().giov();
            if (hostToo || !giov || stage.hasOpenPasids()) {
                pages(stage, NO_PASID, directories);
            }
            if (giov) {
                pages(stage, 0, directories);
            }
            for (int pasid : stage.pasids()) {
                pages(stage, pasid, directories);
            }
        }
        for (Device device : domain.devicesWithTlb()) {
            Stage stage = device.stage();
            boolean giov = stage.context().hasGuest() && stage.context().giov();
            if (stage.context().isNested() && (hostToo || !giov)) {
                nestedDevice(device);
                continue;
            }
            if (hostToo || !giov || stage.hasOpenPasids()) {
                deviceTlb(device, NO_PASID);
            }
            if (giov) {
                deviceTlb(device, 0);
            }
            for (int pasid : stage.pasids()) {
                deviceTlb(device, pasid);
            }
        }
    }

    /** Drops translations of host tables, of which guest tables may be above, and leaves what devices hold. */
    void hostTables(Domain domain, boolean directories) {
        for (Stage stage : domain.inUse()) {
            pages(stage, NO_PASID, directories);
        }
    }

    /**
     * AMD-D.17, AMD-D.18: the host table below guest tables has changed, and nobody knows under which guest virtual addresses a device
     * keeps what came of it: all that it has.
     */
    private void nestedDevice(Device device) {
        removals.dropDevice(device, device.stage());
    }

    private static int contextWithoutPasid(Stage stage) {
        return stage.context().hasGuest() && stage.context().giov() ? 0 : NO_PASID;
    }

    /** Drops what one stage has of a PASID, or without. */
    void pages(Stage stage, int pasid, boolean directories) {
        if (whole) {
            commands.pages(stage.domainId(), pasid, 0, SizeEncoding.ALL, directories);
            return;
        }
        for (int i = 0; i < cover.count(); i++) {
            commands.pages(stage.domainId(), pasid, cover.address(i), cover.order(i) + PAGE_SHIFT, directories);
        }
    }

    /** Drops what one device has of a PASID, or without. */
    void deviceTlb(Device device, int pasid) {
        deviceTlb(device, pasid, 0);
    }

    /**
     * Drops what one device has of a PASID, or without.
     *
     * @param type how the device flushes
     */
    void deviceTlb(Device device, int pasid, int type) {
        if (whole) {
            commands.deviceTlb(device.requester(), pasid, 0, SizeEncoding.ALL, type);
            return;
        }
        for (int i = 0; i < cover.count(); i++) {
            commands.deviceTlb(device.requester(), pasid, cover.address(i), cover.order(i) + PAGE_SHIFT, type);
        }
    }
}
