package org.iommu4j.upgrade.replay;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.capture.GapRecords;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.upgrade.ReplayResult.Step;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureRecord;
import org.iommu4j.upgrade.capture.CaptureScan;
import org.iommu4j.upgrade.capture.UnitScan;

/**
 * Tables of a guest whose capture has no table reads. The levels above the pages are those in the memory of the stopped machine;
 * a chip that is brought up with them tells where the entry of a page stands, and the translation what stood in it. What cannot
 * be known so is not judged, and the reason is told.
 */
final class StoppedTables implements AutoCloseable {
    /** Most entries that are remembered as placed; the tables of 4 GiB in pages of 4 KiB. */
    private static final int MAX_PLACED = 1 << 20;

    private final GapRecords gaps;
    private final Map<Integer, String> domains;
    private final Capture capture;
    private final int copies;
    private final StoppedMachine machine;

    /** Sizes of pages that were found, by the name of their entries. */
    private final Map<String, Long> sizes = new HashMap<>();

    /** Addresses of entries that were placed. */
    private final Set<Long> placed = new HashSet<>();

    /**
     * Brings the stopped machine up.
     *
     * @param name of the unit
     * @param config of its chip
     * @throws org.iommu4j.upgrade.CaptureException if the capture does not have what it needs
     */
    StoppedTables(
            IommuService service,
            Capture capture,
            CaptureScan scan,
            String name,
            HardwareConfig config,
            Progress progress) {
        this.capture = capture;
        gaps = capture.format().gaps();
        copies = 2 * scan.units().size();
        UnitScan unitScan = scan.units().get(name);
        domains = unitScan.domains();
        machine = new StoppedMachine(service, capture, scan, name, config, progress);
        try {
            load(machine.memory());
        } catch (RuntimeException e) {
            machine.close();
            throw e;
        }
    }

    /** Copies the memory of the stopped machine into that of the machine which is played to. */
    void load(PhysicalMemory memory) {
        capture.frozen().loadPages(memory, copies);
    }

    /**
     * Makes the tables what they were at a translation.
     *
     * @param memory of the machine which is played to
     * @return null, or why the translation cannot be judged
     */
    String prepare(CaptureRecord.Translation wanted, PhysicalMemory memory) {
        String domain = domains.get(wanted.requester());
        if (wanted.domain() != null && !wanted.domain().equals(domain)) {
            return "the device was in another address space than at the stop";
        }
        DmaAccess access = machine.access(
                wanted.requester(), wanted.iova(), wanted.perm() == DmaAccess.WRITE ? DmaAccess.WRITE : DmaAccess.READ);
        boolean mapped = access.outcome() == DmaAccess.Outcome.TRANSLATED;
        List<Step> pages = machine.steps().stream()
                .filter(step -> gaps.isLeaf(step.what()))
                .toList();
        if (wanted.isRefused()) {
            return mapped || !pages.isEmpty() ? "refused by table entries that the capture does not have" : null;
        }
        if (pages.isEmpty()) {
            boolean same = mapped && wanted.leadsTo(access.spa(), access.pageBytes());
            return same ? null : "the memory at the stop has no table for the device";
        }
        Step last = pages.get(pages.size() - 1);
        if (mapped && gaps.entry(last.what(), access.pageBytes()) != null) {
            sizes.put(last.what(), access.pageBytes());
        }
        boolean unchanged = mapped
                && wanted.leadsTo(access.spa(), access.pageBytes())
                && (wanted.perm() == CaptureRecord.Translation.UNKNOWN || wanted.perm() == Differences.granted(access));
        if (pages.stream().filter(step -> step.what().equals(last.what())).count() > 1) {
            return unchanged ? null : "two stages translate, and which of them has changed is not known";
        }
        GapRecords.Entry entry = gaps.entry(last.what(), sizes.getOrDefault(last.what(), wanted.pageMask() + 1));
        if (entry == null) {
            return "the memory at the stop has no table that leads to such a page";
        }
        boolean first = placed.size() < MAX_PLACED && placed.add(last.pa());
        if (first || !wanted.hit()) {
            long word = unchanged ? last.word() : known(wanted, entry);
            GuestWords.store(memory, capture.model().payloadOrder(), last.pa(), List.of(word));
        }
        return null;
    }

    private static long known(CaptureRecord.Translation wanted, GapRecords.Entry entry) {
        return wanted.leaf() != null ? wanted.leaf() : entry.word(wanted.target(), wanted.perm());
    }

    @Override
    public void close() {
        machine.close();
    }
}
