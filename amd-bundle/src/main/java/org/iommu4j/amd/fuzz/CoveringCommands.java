package org.iommu4j.amd.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateIommuAll;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.SizeEncoding;

/**
 * Native commands that drop what came from an entry on the way of one device of a bare chip, in several forms, docs/spec/amd-vi.md
 * 4.4; behind each form stands a wait.
 *
 * @param requester the device
 * @param domain its DomainID, which no other device has
 * @param pasids that lead to its guest tables
 * @param nested true if those are above a host table
 * @param deviceTlb true if the device may have a TLB of its own
 * @param hasAll true if the chip has INVALIDATE_IOMMU_ALL
 * @param store where waits store
 */
record CoveringCommands(
        RandomGenerator random,
        int requester,
        int domain,
        List<Integer> pasids,
        boolean nested,
        boolean deviceTlb,
        boolean hasAll,
        long store) {
    private static final int NO_PASID = InvalidateIommuPages.NO_PASID;

    /** log2 of what a command may drop besides a page or a few of them. */
    private static final int MORE_BITS = 12;

    /** Forms for the device table entry, AMD-D.7 and AMD-D.9. */
    List<List<byte[]>> ofDevice() {
        byte[] entry = command(InvalidateDevtabEntry.word0(requester), 0);
        List<byte[]> pages = new ArrayList<>();
        pages.add(entry);
        pages.add(pages(NO_PASID, 0, SizeEncoding.ALL, true));
        for (int pasid : pasids) {
            pages.add(pages(pasid, 0, SizeEncoding.ALL, true));
        }
        return forms(List.of(pages), everyTlb());
    }

    /** Forms for a GCR3 entry, AMD-D.13. */
    List<List<byte[]>> ofGcr3(int pasid) {
        return forms(
                List.of(List.of(pages(pasid, 0, SizeEncoding.ALL, true))),
                List.of(deviceTlb(pasid, 0, SizeEncoding.ALL)));
    }

    /**
     * Forms for an entry of a host table or of a guest table, AMD-D.1, AMD-D.2 and AMD-D.15 to AMD-D.17.
     *
     * @param pasid of the guest table, or {@link InvalidateIommuPages#NO_PASID}
     * @param first address that the entry maps
     * @param shift log2 of what is mapped from there on
     * @param leaf false if the entry leads to tables
     */
    List<List<byte[]>> ofTable(int pasid, long first, int shift, boolean leaf) {
        boolean below = nested && pasid == NO_PASID;
        int wider = Math.min(SizeEncoding.LARGEST_SHIFT, shift + 1 + random.nextInt(MORE_BITS));
        boolean directories = !leaf || random.nextBoolean();
        return forms(
                List.of(
                        List.of(pages(pasid, first, shift, directories)),
                        List.of(pages(pasid, first & -1L << wider, wider, directories)),
                        List.of(pages(pasid, 0, SizeEncoding.ALL, directories))),
                below
                        ? everyTlb()
                        : List.of(
                                random.nextInt(3) == 0
                                        ? deviceTlb(pasid, 0, SizeEncoding.ALL)
                                        : deviceTlb(pasid, first, shift)));
    }

    /** The whole of what the device holds. */
    private List<byte[]> everyTlb() {
        List<byte[]> all = new ArrayList<>();
        all.add(deviceTlb(NO_PASID, 0, SizeEncoding.ALL));
        for (int pasid : pasids) {
            all.add(deviceTlb(pasid, 0, SizeEncoding.ALL));
        }
        return all;
    }

    private static byte[] command(long word0, long word1) {
        return CompletionWait.LAYOUT.encode(word0, word1);
    }

    private byte[] pages(int pasid, long first, int shift, boolean directories) {
        return command(
                InvalidateIommuPages.word0(domain, pasid),
                InvalidateIommuPages.word1(pasid, first, shift, directories));
    }

    private byte[] deviceTlb(int pasid, long first, int shift) {
        return command(
                InvalidateIotlbPages.word0(requester, requester, 0, pasid),
                InvalidateIotlbPages.word1(pasid, first, shift, 0));
    }

    /** Each form and, if the chip has it, the command for everything; then what the device holds, and a wait. */
    private List<List<byte[]>> forms(List<List<byte[]>> units, List<byte[]> tlbs) {
        List<List<byte[]>> forms = new ArrayList<>();
        units.forEach(unit -> forms.add(whole(unit, tlbs)));
        if (hasAll) {
            forms.add(whole(List.of(command(InvalidateIommuAll.word0(), 0)), tlbs));
        }
        return forms;
    }

    private List<byte[]> whole(List<byte[]> unit, List<byte[]> tlbs) {
        List<byte[]> all = new ArrayList<>(unit);
        if (deviceTlb) {
            all.addAll(tlbs);
        }
        all.add(command(CompletionWait.storing(store), 1));
        return all;
    }
}
