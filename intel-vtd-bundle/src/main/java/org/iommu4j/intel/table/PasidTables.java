package org.iommu4j.intel.table;

import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.simulation.memory.PageCursor;

/**
 * Reads the tables that lead to a PASID in scalable mode, VT-d 3.4.3: root table and context table of the device, then the
 * PASID directory and the PASID table. Allocates nothing; what was read stands in the accessors until the next time.
 */
public final class PasidTables {
    private static final int OK = TableWalker.OK;
    private static final int CONTEXT_WORDS = ScalableContextEntry.BYTES / Long.BYTES;
    private static final int PASID_WORDS = PasidEntry.BYTES / Long.BYTES;

    private final int mgawBits;
    private final long sagaw;
    private final boolean hasFirstStage;
    private final boolean hasFiveLevels;
    private final boolean hasSecondStage;
    private final boolean hasNesting;
    private final boolean hasPassThrough;

    /** Ways to the entries of each kind, which mostly are those of a few devices. */
    private final PageCursor rootEntries;

    private final PageCursor contextEntries;
    private final PageCursor directoryEntries;
    private final PageCursor pasidEntries;

    private final long rootReserved;
    private final long[] contextReserved;
    private final long directoryReserved;
    private final long[] pasidReserved;

    private final long[] context = new long[CONTEXT_WORDS];
    private final long[] pasid = new long[PASID_WORDS];
    private final long[] pair = new long[2];
    private boolean faultsSuppressed;

    /**
     * A reader for one unit.
     *
     * @param memory where the tables are
     * @param hostAddressWidth physical address width in bits, 32 to 52
     */
    public PasidTables(VtdCapabilities unit, int subVersion, PhysicalMemory memory, int hostAddressWidth) {
        rootEntries = new PageCursor(memory);
        directoryEntries = new PageCursor(memory);
        contextEntries = new PageCursor(memory);
        pasidEntries = new PageCursor(memory);
        mgawBits = unit.mgawBits();
        sagaw = Cap.SAGAW.get(unit.cap());
        hasFirstStage = Ecap.FSTS.isSet(unit.ecap());
        hasFiveLevels = Cap.FS5LP.isSet(unit.cap());
        hasSecondStage = Ecap.SSTS.isSet(unit.ecap());
        hasNesting = Ecap.NEST.isSet(unit.ecap());
        hasPassThrough = Ecap.PT.isSet(unit.ecap());
        long beyondHost = -1L << hostAddressWidth;
        rootReserved = reserved(ScalableRootEntry.LAYOUT, subVersion, unit, beyondHost, ScalableRootEntry.CTP)[0];
        contextReserved =
                reserved(ScalableContextEntry.LAYOUT, subVersion, unit, beyondHost, ScalableContextEntry.PASIDDIRPTR);
        directoryReserved =
                reserved(PasidDirectoryEntry.LAYOUT, subVersion, unit, beyondHost, PasidDirectoryEntry.SMPTBLPTR)[0];
        pasidReserved = reserved(
                PasidEntry.LAYOUT,
                subVersion,
                unit,
                beyondHost,
                PasidEntry.SSPTPTR,
                PasidEntry.FSPTPTR,
                PasidEntry.HPTPTR);
        for (BitField domain : new BitField[] {PasidEntry.DID, PasidEntry.HPTDID}) {
            pasidReserved[domain.word()] |= domain.mask() & ~domain.of((1L << unit.domainIdBits()) - 1);
        }
    }

    private static long[] reserved(
            Layout layout, int subVersion, VtdCapabilities unit, long beyondHost, BitField... addresses) {
        long[] masks = new long[layout.words()];
        for (int word = 0; word < masks.length; word++) {
            masks[word] = layout.reservedMask(word, subVersion, unit::has);
        }
        for (BitField address : addresses) {
            masks[address.word()] |= address.mask() & beyondHost;
        }
        return masks;
    }

    /**
     * Reads the context entry of a device.
     *
     * <ol>
     *   <li>The bus number and the upper bit of the device number select half of a root entry, 9.2.
     *   <li>It is present, and its reserved bits are 0.
     *   <li>The other bits select the context entry, 9.4.
     *   <li>It is present, its reserved bits are 0, and its fields do not contradict each other.
     * </ol>
     *
     * @param rootTable physical address of the root table
     * @param sourceId bus in bits 15:8, device and function below
     * @return {@link TableWalker#OK} or a code of {@link FaultReason}
     */
    public int readContext(long rootTable, int sourceId, WalkListener listener) {
        context[0] = 0;
        context[1] = 0;
        // 1. the half of the root entry
        long rootAt = ScalableRootEntry.addressOf(rootTable, sourceId);
        long root;
        try {
            root = rootEntries.readLongLe(rootAt);
        } catch (BusErrorException e) {
            return FaultReason.SCALABLE_ROOT_ACCESS.code();
        }
        if (listener != null) {
            listener.step(ScalableWalk.ROOT, rootAt, root);
        }
        // 2. what it says
        if (!ScalableRootEntry.P.isSet(root)) {
            return FaultReason.SCALABLE_ROOT_NOT_PRESENT.code();
        }
        if ((root & rootReserved) != 0) {
            return FaultReason.SCALABLE_ROOT_RESERVED.code();
        }
        // 3. the context entry
        long contextAt = ScalableContextEntry.addressOf(ScalableRootEntry.CTP.get(root), sourceId);
        long wrong;
        try {
            wrong = read(contextEntries, contextAt, context, contextReserved);
        } catch (BusErrorException e) {
            context[0] = 0;
            return FaultReason.SCALABLE_CONTEXT_ACCESS.code();
        }
        if (listener != null) {
            listener.step(ScalableWalk.CONTEXT, contextAt, context[0]);
        }
        // 4. what it says
        if (!ScalableContextEntry.P.isSet(context[0])) {
            return FaultReason.SCALABLE_CONTEXT_NOT_PRESENT.code();
        }
        if (wrong != 0) {
            return FaultReason.SCALABLE_CONTEXT_RESERVED.code();
        }
        return isConsistent() ? OK : FaultReason.SCALABLE_CONTEXT_INVALID.code();
    }

    private boolean isConsistent() {
        long word0 = context[0];
        boolean requestsWithoutTlb = ScalableContextEntry.PRE.isSet(word0) && !ScalableContextEntry.DTE.isSet(word0);
        boolean translatedWithoutPasid =
                ScalableContextEntry.EPTR.isSet(word0) && !ScalableContextEntry.PASIDE.isSet(word0);
        return !requestsWithoutTlb
                && !translatedWithoutPasid
                && ScalableContextEntry.RID_PASID.getInt(context[1]) < ScalableContextEntry.pasids(word0);
    }

    /** A word of the context entry that was read last: 0 with its flags, 1 with RID_PASID; 0 if none was read. */
    public long context(int word) {
        return context[word];
    }

    /**
     * Reads the entry of a PASID.
     *
     * <ol>
     *   <li>Bits 19:6 of the PASID select the directory entry, 9.5.
     *   <li>It is present, and its reserved bits are 0.
     *   <li>Bits 5:0 select the PASID entry, 9.6.
     *   <li>It is present, its reserved bits are 0, and the unit can do what it says.
     * </ol>
     *
     * @param directory physical address of the PASID directory
     * @return {@link TableWalker#OK} or a code of {@link FaultReason}
     */
    public int readPasid(long directory, int number, WalkListener listener) {
        pasid[0] = 0;
        faultsSuppressed = false;
        // 1. the directory entry
        long directoryAt = PasidDirectoryEntry.addressOf(directory, number);
        long entry;
        try {
            entry = directoryEntries.readLongLe(directoryAt);
        } catch (BusErrorException e) {
            return FaultReason.PASID_DIRECTORY_ACCESS.code();
        }
        if (listener != null) {
            listener.step(ScalableWalk.DIRECTORY, directoryAt, entry);
        }
        // 2. what it says
        faultsSuppressed = PasidDirectoryEntry.FPD.isSet(entry);
        if (!PasidDirectoryEntry.P.isSet(entry)) {
            return FaultReason.PASID_DIRECTORY_NOT_PRESENT.code();
        }
        if ((entry & directoryReserved) != 0) {
            return FaultReason.PASID_DIRECTORY_RESERVED.code();
        }
        // 3. the PASID entry
        long pasidAt = PasidEntry.addressOf(PasidDirectoryEntry.SMPTBLPTR.get(entry), number);
        long wrong;
        try {
            wrong = read(pasidEntries, pasidAt, pasid, pasidReserved);
        } catch (BusErrorException e) {
            return FaultReason.PASID_TABLE_ACCESS.code();
        }
        if (listener != null) {
            listener.step(ScalableWalk.PASID, pasidAt, pasid[0]);
        }
        // 4. what it says
        faultsSuppressed |= PasidEntry.FPD.isSet(pasid[0]);
        if (!PasidEntry.P.isSet(pasid[0])) {
            return FaultReason.PASID_NOT_PRESENT.code();
        }
        if (wrong != 0) {
            return FaultReason.PASID_RESERVED.code();
        }
        return isPossible() ? OK : FaultReason.PASID_INVALID.code();
    }

    private boolean isPossible() {
        int aw = PasidEntry.AW.getInt(pasid[0]);
        boolean secondStage = Agaw.isSupported(aw, sagaw);
        int mode = PasidEntry.FSPM.getInt(pasid[2]);
        boolean firstStage = mode == 0 || (mode == 1 && hasFiveLevels);
        return switch (PasidEntry.PGTT.getInt(pasid[0])) {
            case PasidEntry.FIRST_STAGE -> hasFirstStage && firstStage;
            case PasidEntry.SECOND_STAGE -> hasSecondStage && secondStage;
            case PasidEntry.NESTED ->
                hasNesting
                        && secondStage
                        && firstStage
                        && PasidEntry.FSPTPTR.get(pasid[2]) <= AddressSpace.lastAddress(mgawBits, aw);
            case PasidEntry.PASS_THROUGH -> hasPassThrough;
            default -> false;
        };
    }

    /** A word of the PASID entry that was read last. */
    public long pasid(int word) {
        return pasid[word];
    }

    /** True if the PASID entry that was read last, or the directory entry before it, asks that faults are not recorded. */
    public boolean faultsSuppressed() {
        return faultsSuppressed;
    }

    /** Reads an entry; returns the reserved bits that are set in it, of all its words together. */
    private long read(PageCursor entries, long at, long[] words, long[] reserved) {
        long wrong = 0;
        for (int word = 0; word < words.length; word += 2) {
            entries.readPairLe(at + (long) word * Long.BYTES, pair);
            words[word] = pair[0];
            words[word + 1] = pair[1];
            wrong |= (pair[0] & reserved[word]) | (pair[1] & reserved[word + 1]);
        }
        return wrong;
    }
}
