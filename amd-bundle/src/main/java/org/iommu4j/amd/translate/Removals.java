package org.iommu4j.amd.translate;

import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateIommuAll;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.Gcr3Entry;
import org.iommu4j.driver.domain.TranslationTags;
import org.iommu4j.driver.queue.QueueControl;

/** Which commands drop what an entry, a domain id or the whole chip has, docs/spec/amd-vi.md 4.4. */
final class Removals implements QueueCommands.Everything {
    private static final int NO_PASID = QueueCommands.NO_PASID;
    private static final int DOMAIN_IDS = Bindings.DOMAIN_IDS;

    private final ChipPort chip;
    private final DeviceTable tables;
    private final QueueCommands commands;
    private final TranslationTags domainIds;

    /** For a chip, its device table, its queue and the domain ids that are in use. */
    Removals(ChipPort chip, DeviceTable tables, QueueCommands commands, TranslationTags domainIds) {
        this.chip = chip;
        this.tables = tables;
        this.commands = commands;
        this.domainIds = domainIds;
    }

    /** AMD-D.22: everything of a domain id, with each PASID that it had. */
    void drop(Stage stage) {
        commands.pages(stage.domainId(), NO_PASID, 0, SizeEncoding.ALL, true);
        if (!stage.context().hasGuest() || stage.context().isNested()) {
            // Entries that were made while nested go with the command for host tables.
            return;
        }
        if (stage.hasOpenPasids()) {
            dropOpenPasids(stage);
            return;
        }
        if (stage.context().giov()) {
            commands.pages(stage.domainId(), 0, 0, SizeEncoding.ALL, true);
        }
        for (int number : stage.pasids()) {
            commands.pages(stage.domainId(), number, 0, SizeEncoding.ALL, true);
        }
    }

    /** Every PASID of a stage whose GCR3 table the guest keeps, so that nobody knows which were used. */
    void dropOpenPasids(Stage stage) {
        if (commands.hasAll()) {
            commands.all();
            return;
        }
        int bits = Math.min(
                chip.unit().pasidBits(), Gcr3Entry.LEVEL_BITS * (stage.context().glx() + 1));
        for (int number = 0; number < 1 << bits; number++) {
            commands.pages(stage.domainId(), number, 0, SizeEncoding.ALL, true);
        }
    }

    /** AMD-D.9, AMD-D.35: everything that a device holds, with each PASID that it had. */
    void dropDevice(Device device, Stage before) {
        commands.deviceTlb(device.requester(), NO_PASID, 0, SizeEncoding.ALL, 0);
        if (before != null && before.context().hasGuest()) {
            if (before.context().giov()) {
                commands.deviceTlb(device.requester(), 0, 0, SizeEncoding.ALL, 0);
            }
            for (int number : before.pasids()) {
                commands.deviceTlb(device.requester(), number, 0, SizeEncoding.ALL, 0);
            }
        }
    }

    /** AMD-D.27: a chip that has just been enabled may have read any entry of its first table. */
    void forget() {
        if (commands.hasAll()) {
            commands.all();
            return;
        }
        for (int deviceId = 0; deviceId < tables.entries(); deviceId++) {
            commands.deviceEntry(deviceId);
        }
    }

    /**
     * AMD-D.26, AMD-D.27: command 8, or every device table entry that ever let its device through and every domain id. What the chip
     * may have of other entries blocks their devices, as they do.
     */
    void dropEverything() {
        if (commands.hasAll()) {
            commands.all();
            return;
        }
        for (int deviceId = tables.nextUsed(0); deviceId >= 0; deviceId = tables.nextUsed(deviceId + 1)) {
            commands.deviceEntry(deviceId);
        }
        for (int id = 1; id < DOMAIN_IDS; id++) {
            if (domainIds.isTaken(id)) {
                commands.pages(id, NO_PASID, 0, SizeEncoding.ALL, true);
            }
        }
    }

    @Override
    public int count() {
        if (commands.hasAll()) {
            return 1;
        }
        int count = tables.countUsed();
        for (int id = 1; id < DOMAIN_IDS; id++) {
            count += domainIds.isTaken(id) ? 1 : 0;
        }
        return count;
    }

    @Override
    public void put(QueueControl.Sink sink) {
        if (commands.hasAll()) {
            sink.put(InvalidateIommuAll.word0(), 0);
            return;
        }
        for (int deviceId = tables.nextUsed(0); deviceId >= 0; deviceId = tables.nextUsed(deviceId + 1)) {
            sink.put(InvalidateDevtabEntry.word0(deviceId), 0);
        }
        for (int id = 1; id < DOMAIN_IDS; id++) {
            if (domainIds.isTaken(id)) {
                sink.put(
                        InvalidateIommuPages.word0(id, NO_PASID),
                        InvalidateIommuPages.word1(NO_PASID, 0, SizeEncoding.ALL, true));
            }
        }
    }
}
