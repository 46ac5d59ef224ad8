package org.iommu4j.amd.hardware;

import java.util.stream.Stream;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.PrefetchIommuPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Tells an observer what the architecture has each command remove, 48882 2.4: from the command's own fields, apart from what the
 * caches do with them. The duties of software are those of docs/spec/amd-vi.md 4.4.
 */
final class CommandReports implements InvalidationRules {
    private static final int ANY = TranslationObserver.ANY;
    private static final int NO_PASID = TranslationCaches.NO_PASID;
    private static final long LAST = -1L;

    private final TranslationObserver observer;

    CommandReports(TranslationObserver observer) {
        this.observer = observer;
        observer.started(this);
    }

    /**
     * A command that was carried out; those that remove no translation are not reported.
     *
     * @param domain of the device that the command names; -1 if there is none
     */
    void carriedOut(AmdViCommand command, long word0, long word1, int domain, long dropped) {
        switch (command) {
            case INVALIDATE_DEVTAB_ENTRY -> deviceEntry(InvalidateDevtabEntry.DEVICE_ID.getInt(word0), domain);
            case INVALIDATE_IOMMU_PAGES -> pages(word0, word1);
            case INVALIDATE_IOTLB_PAGES -> deviceTlb(word0, word1);
            case INVALIDATE_IOMMU_ALL -> everything();
            case PREFETCH_IOMMU_PAGES -> {
                if (!PrefetchIommuPages.INVAL.isSet(word1) || domain < 0) {
                    return;
                }
                prefetch(word0, word1, domain);
            }
            default -> {
                return;
            }
        }
        observer.invalidated(command.layout().name(), word0, word1, dropped);
    }

    /** A wait that tells software. */
    void completed() {
        observer.completed();
    }

    private void deviceEntry(int deviceId, int domain) {
        observer.invalidates(CachedKind.CONTEXT, ANY, NO_PASID, deviceId, deviceId);
        if (domain >= 0) {
            // AMD-D.7: after the entry, everything of its old domain, changed or not.
            observer.demands(CachedKind.TRANSLATION, domain);
        }
    }

    private void pages(long word0, long word1) {
        int domain = InvalidateIommuPages.DOMAIN_ID.getInt(word0);
        int shift = shift(InvalidateIommuPages.S, InvalidateIommuPages.ADDRESS, word1);
        long first = SizeEncoding.base(InvalidateIommuPages.ADDRESS.get(word1), shift);
        long last = last(first, shift);
        boolean directories = InvalidateIommuPages.PDE.isSet(word1);
        if (InvalidateIommuPages.GN.isSet(word1)) {
            int pasid = InvalidateIommuPages.PASID.getInt(word0);
            guest(domain, false, pasid, first, last, directories);
            guest(domain, true, pasid, first, last, directories);
            return;
        }
        observer.invalidates(CachedKind.TRANSLATION, domain, NO_PASID, first, last);
        if (directories) {
            observer.invalidates(CachedKind.PAGING_STRUCTURE, domain, NO_PASID, first, last);
        }
        // An entry that was made while nested holds host translations, whatever its guest virtual address.
        guest(domain, true, ANY, 0, LAST, true);
    }

    private void guest(int domain, boolean nested, int pasid, long first, long last, boolean directories) {
        long tag = ObservedTags.of(domain, 0, nested);
        observer.invalidates(CachedKind.TRANSLATION, tag, pasid, first, last);
        if (directories) {
            observer.invalidates(CachedKind.PAGING_STRUCTURE, tag, pasid, first, last);
            if (first == 0 && last == LAST) {
                observer.invalidates(CachedKind.PAGING_STRUCTURE, ObservedTags.ofGcr3(domain, nested), pasid, 0, LAST);
            }
        }
    }

    /** A request without prefix reaches entries with PASID on this unit, but software must not count on it: AMD-D.35. */
    private void deviceTlb(long word0, long word1) {
        int deviceId = InvalidateIotlbPages.DEVICE_ID.getInt(word0);
        int shift = shift(InvalidateIotlbPages.S, InvalidateIotlbPages.ADDRESS, word1);
        long first = SizeEncoding.base(InvalidateIotlbPages.ADDRESS.get(word1), shift);
        int pasid = InvalidateIotlbPages.GN.isSet(word1) ? InvalidateIotlbPages.pasid(word0) : NO_PASID;
        observer.invalidates(CachedKind.DEVICE, deviceId, pasid, first, last(first, shift));
        if (pasid == 0) {
            observer.invalidates(CachedKind.DEVICE, deviceId, NO_PASID, first, last(first, shift));
        }
    }

    private void prefetch(long word0, long word1, int domain) {
        int shift = shift(PrefetchIommuPages.S, PrefetchIommuPages.ADDRESS, word1);
        long first = SizeEncoding.base(PrefetchIommuPages.ADDRESS.get(word1), shift);
        if (PrefetchIommuPages.GN.isSet(word1)) {
            int pasid = PrefetchIommuPages.PASID.getInt(word0);
            guest(domain, false, pasid, first, last(first, shift), false);
            guest(domain, true, pasid, first, last(first, shift), false);
        } else {
            observer.invalidates(CachedKind.TRANSLATION, domain, NO_PASID, first, last(first, shift));
        }
    }

    private void everything() {
        observer.invalidates(CachedKind.CONTEXT, ANY, ANY, 0, LAST);
        observer.invalidates(CachedKind.TRANSLATION, ANY, ANY, 0, LAST);
        observer.invalidates(CachedKind.PAGING_STRUCTURE, ANY, ANY, 0, LAST);
    }

    private static int shift(BitField size, BitField address, long word1) {
        return size.isSet(word1) ? SizeEncoding.shift(address.get(word1)) : SizeEncoding.PAGE_SHIFT;
    }

    private static long last(long first, int shift) {
        return shift == SizeEncoding.ALL ? LAST : first + (1L << shift) - 1;
    }

    @Override
    public String covering(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
        String domain = "INVALIDATE_IOMMU_PAGES DomainID=" + hex(ObservedTags.domain(tag));
        String guest = pasid == NO_PASID ? " GN=0" : " GN=1 PASID=" + hex(pasid);
        String command = switch (kind) {
            case CONTEXT ->
                "INVALIDATE_DEVTAB_ENTRY DeviceID=" + hex(first) + ", " + domain + " GN=0 PDE=1 for everything";
            case PASID -> throw new IllegalArgumentException("GCR3 entries are told as paging structures");
            case TRANSLATION -> domain + guest + " PDE=0" + range(first, lengthBytes);
            case PAGING_STRUCTURE ->
                ObservedTags.isGcr3(tag)
                        ? domain + guest + " PDE=1 for everything"
                        : domain + guest + " PDE=1 Address=" + hex(first);
            case DEVICE -> "INVALIDATE_IOTLB_PAGES DeviceID=" + hex(tag) + guest + range(first, lengthBytes);
        };
        return command + ", then COMPLETION_WAIT";
    }

    @Override
    public String rule(CachedKind kind) {
        return switch (kind) {
            case CONTEXT, PASID ->
                "AMD-D.7, AMD-D.8, AMD-D.9: a changed device table entry needs INVALIDATE_DEVTAB_ENTRY, then"
                        + " INVALIDATE_IOMMU_PAGES for everything of its old domain";
            case TRANSLATION ->
                "AMD-D.1, AMD-D.15, AMD-D.17: a changed leaf needs INVALIDATE_IOMMU_PAGES for its range; with NpCache"
                        + " AMD-D.3 one that was absent, too";
            case PAGING_STRUCTURE ->
                "AMD-D.2, AMD-D.16: a changed directory entry needs INVALIDATE_IOMMU_PAGES with PDE=1 for what it covered;"
                        + " AMD-D.13 a changed GCR3 entry one for everything of its PASID";
            case DEVICE ->
                "AMD-D.1, AMD-D.15, AMD-D.24: the device drops its translations with INVALIDATE_IOTLB_PAGES;"
                        + " AMD-D.35 with GN=1 for each PASID";
        };
    }

    @Override
    public String tagName(CachedKind kind) {
        return kind == CachedKind.DEVICE ? "DeviceID" : "domain";
    }

    @Override
    public Layout format(String name) {
        return Stream.of(AmdViCommand.values())
                .map(AmdViCommand::layout)
                .filter(layout -> layout.name().equals(name))
                .findFirst()
                .orElse(null);
    }

    private static String range(long first, long lengthBytes) {
        return " Address=" + hex(first) + " for " + hex(lengthBytes) + " bytes";
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
