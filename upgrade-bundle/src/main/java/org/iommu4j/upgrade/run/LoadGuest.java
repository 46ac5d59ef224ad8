package org.iommu4j.upgrade.run;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.Guest;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Unit;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureScan;
import org.iommu4j.upgrade.capture.FrozenImage;
import org.iommu4j.upgrade.replay.CallPlayer;
import org.iommu4j.upgrade.replay.FrozenCheck;
import org.iommu4j.upgrade.replay.GuestContainers;
import org.iommu4j.upgrade.replay.Serving;

/**
 * The captured guest as it stood when it was stopped, brought to life in front of a unit of its own: its tables are in
 * memory, its devices are bound. Its pages can then be edited without knowing the model's table format: the chip itself
 * shows where a page's table entry is.
 */
final class LoadGuest implements AutoCloseable {
    /** Pages that are edited. */
    private static final int PAGES = 128;

    /** Rows of the frozen image that are considered. */
    private static final int MAX_ROWS = 1 << 16;

    private static final int PAGE_BYTES = 4096;

    /** Lowest address that cannot be mistaken for another number in a command. */
    private static final long LOWEST = 0x10_0000;

    private final Unit unit;
    private final int subVersion;
    private final GuestContainers containers;
    private final ExplainHints hints;
    private final List<EditedPage> pages = new ArrayList<>();

    /**
     * A guest of a capture, in front of the first unit of its machine.
     *
     * @param config of the chip that the guest sees
     * @param generations that the host's chip may have
     * @param seed chooses its pages
     * @param progress is told of what brings it up
     */
    LoadGuest(
            IommuService service,
            Capture capture,
            CaptureScan scan,
            HardwareConfig config,
            Set<Integer> generations,
            long seed,
            Progress progress) {
        subVersion = config.subVersion();
        unit = service.openUnit(
                Serving.host(service, capture.format(), config, generations).withSanitizer(Sanitizer.Mode.ON));
        containers = new GuestContainers(unit, subVersion);
        hints = ExplainHints.of(service, unit.model());
        try {
            capture.frozen().loadPages(unit.platform().memory(), 1);
            Guest guest = unit.openGuest(config, containers);
            CallPlayer calls = new CallPlayer(Serving.backend(service, unit.model()), unit.platform(), guest::call);
            List<CallPlayer.Mismatch> mismatches =
                    FrozenCheck.bringUp(capture, scan, scan.firstUnit(), guest::writeRegister, calls, progress);
            if (!mismatches.isEmpty()) {
                throw new UpgradeException(capture.directory() + ": the frozen guest cannot be brought up: "
                        + mismatches.get(0).explained());
            }
            for (FrozenImage.Walk row : rows(capture, scan, seed)) {
                if (pages.size() == PAGES) {
                    break;
                }
                progress.again();
                guest.deviceAccess(row.requester());
                Container container = containers.containerOf(row.requester());
                if (container != null) {
                    add(row, container, capture.model().payloadOrder() == ByteOrder.BIG_ENDIAN);
                }
            }
            if (pages.isEmpty()) {
                throw new UpgradeException(
                        capture.directory() + ": no page of the frozen image can be edited on this model");
            }
        } catch (RuntimeException e) {
            unit.close();
            throw e;
        }
    }

    /** Ordinary pages, the devices mixed. */
    private static List<FrozenImage.Walk> rows(Capture capture, CaptureScan scan, long seed) {
        List<FrozenImage.Walk> rows = new ArrayList<>();
        try (FrozenImage.Walks walks = capture.frozen().walks(scan)) {
            FrozenImage.Walk row = walks.next();
            while (row != null && rows.size() < MAX_ROWS) {
                boolean ordinary = row.unit().equals(scan.firstUnit())
                        && !row.passThrough()
                        && row.sizeBytes() == PAGE_BYTES
                        && row.perm() == (DmaAccess.READ | DmaAccess.WRITE);
                if (ordinary && Long.compareUnsigned(row.iova(), LOWEST) >= 0) {
                    rows.add(row);
                }
                row = walks.next();
            }
        }
        Collections.shuffle(rows, new Random(seed));
        return rows;
    }

    private void add(FrozenImage.Walk row, Container container, boolean bigEndian) {
        for (EditedPage page : pages) {
            // One address, one page: so a native command shows which.
            if (page.iova == row.iova()) {
                return;
            }
        }
        PhysicalMemory memory = unit.platform().memory();
        String[] name = new String[1];
        long[] last = new long[2];
        DmaAccess access = new DmaAccess().begin(row.requester(), row.iova(), DmaAccess.READ);
        access.explainTo((what, pa, word) -> {
            name[0] = what;
            last[0] = pa;
            last[1] = word;
        });
        unit.dma(access);
        // An imported capture may take a part of a larger page for a page: the trace did not tell its size.
        if (access.outcome() == DmaAccess.Outcome.TRANSLATED
                && access.spa() == row.pa()
                && access.pageBytes() == PAGE_BYTES
                && EditedPage.isLeaf(last[1], row.pa())) {
            pages.add(new EditedPage(
                    pages.size(),
                    container,
                    row.requester(),
                    row.iova(),
                    memory,
                    bigEndian,
                    name[0],
                    last[0],
                    last[1]));
        }
    }

    /** The generation that the guest sees. */
    int subVersion() {
        return subVersion;
    }

    /** The guest's unit. */
    Unit unit() {
        return unit;
    }

    /** The containers of the guest that brought the unit up. */
    GuestContainers containers() {
        return containers;
    }

    /** Findings of the sanitizer; none if the machine has none. */
    SanitizerReport findings() {
        Sanitizer sanitizer = unit.platform().sanitizer();
        return sanitizer == null ? SanitizerReport.NONE : sanitizer.report();
    }

    /** Command lines that decode bytes of its model. */
    ExplainHints hints() {
        return hints;
    }

    /** The pages that the load edits. */
    List<EditedPage> pages() {
        return Collections.unmodifiableList(pages);
    }

    @Override
    public void close() {
        unit.close();
    }
}
