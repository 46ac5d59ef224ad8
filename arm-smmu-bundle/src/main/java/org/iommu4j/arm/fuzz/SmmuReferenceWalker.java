package org.iommu4j.arm.fuzz;

import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.contract.BindRequest;

/**
 * A second opinion on translations of an SMMU, written from IHI 0070 and DDI 0487 apart from the chip: it reads bits of whole
 * structures by their numbers there. It has no caches, and no opinion where hardware updates descriptors, where a translation is
 * asked for or presented, and where two streams share a tag without agreeing on what it stands for (IHI 0070 5.2.1, 5.4.1).
 *
 * <p>With a driver in front it takes what a stream translates through from what was attached and bound; of the driver's stream table
 * only the VMID counts, and that a stream has no entry.
 *
 * <p>A guest's context descriptor that was changed after a device has used it is another matter without one answer: no request
 * without a vendor part says that one has changed, so that a chip may go on with the old one (docs/spec/arm-smmu.md 5.3) until the
 * stream is bound again.
 *
 * <p>It is longer than other classes because it shares no code with the chip on purpose.
 *
 * <p>The class is long because it is a second reading of the specification that shares nothing with the chip:
 * configuration, both stages and permissions.
 */
final class SmmuReferenceWalker implements ReferenceWalker {
    private static final int C_BAD_STREAMID = 0x02;
    private static final int F_STE_FETCH = 0x03;
    private static final int C_BAD_STE = 0x04;
    private static final int F_STREAM_DISABLED = 0x06;
    private static final int C_BAD_SUBSTREAMID = 0x08;
    private static final int F_CD_FETCH = 0x09;
    private static final int C_BAD_CD = 0x0A;
    private static final int F_WALK_EABT = 0x0B;
    private static final int F_TRANSLATION = 0x10;
    private static final int F_ADDR_SIZE = 0x11;
    private static final int F_ACCESS = 0x12;
    private static final int F_PERMISSION = 0x13;

    private static final int CR0ACK = 0x24;
    private static final int CR2 = 0x2C;
    private static final int GBPA = 0x44;
    private static final int STRTAB_BASE = 0x80;
    private static final int STRTAB_BASE_CFG = 0x88;
    private static final int LAST_OF_STRTAB = 0x8B;
    private static final int[] SIZES = {32, 36, 40, 42, 44, 48, 52, 52};
    private static final int[] LOW_GRANULES = {12, 16, 14, 0};
    private static final int[] HIGH_GRANULES = {0, 14, 12, 16};

    /** S2SL0 by granule: level, smallest and largest S2T0SZ; no small tables. */
    private static final int[][] S2_4K = {{2, 30, 39}, {1, 21, 33}, {0, 16, 24}, {}};

    private static final int[][] S2_16K = {{3, 35, 39}, {2, 24, 38}, {1, 16, 27}, {}};
    private static final int[][] S2_64K = {{3, 31, 39}, {2, 18, 34}, {1, 12, 21}, {}};

    /** log2 of the context descriptors of a guest that are looked at. */
    private static final int MOST_CONTEXTS_LOG2 = 8;

    private static final int BIND_PASID = 2;
    private static final int BIND_PGTABLE = 4;
    private static final int UNBIND = 1;
    private static final int PASS_THROUGH = 1 << 16;
    private static final int STAGE_2 = 1 << 18;
    private static final int NESTED = 1 << 19;

    private final NativePort port;
    private final PhysicalMemory streamTables;
    private final PhysicalMemory memory;
    private final boolean driver;

    /** Tables to which streams were attached or bound; for chips with a driver. */
    private final Map<Integer, Bound> bound = new HashMap<>();

    private final long idr0;
    private final long idr1;
    private final long idr3;
    private final long idr5;
    private final int oas;
    private final boolean first;

    /** Translations that a tag of a TLB stands for, as it was first seen; and tags that have stood for several. */
    private final Map<Long, String> meanings = new HashMap<>();

    private final Set<Long> ambiguous = new HashSet<>();

    /** The tables that a stream translates through. */
    private static final class Bound {
        /** Words of a stream table entry. */
        private final long[] ste;

        /** The host's context descriptors by index; null if the guest has its own. */
        private final Map<Integer, long[]> contexts;

        /** Blocks of 64 context descriptors that the host has made. */
        private final Set<Integer> leaves = new HashSet<>();

        /** The guest's own context descriptors as they were whenever the stream made an access. */
        private final Set<Integer> used = new HashSet<>();

        private Bound(Map<Integer, long[]> contexts, long... ste) {
            this.ste = ste;
            this.contexts = contexts;
        }
    }

    /** The end of a translation: a fault of the access. */
    private static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;
        private final int code;

        private Refused(int code) {
            super("fault " + code, null, false, false);
            this.code = code;
        }
    }

    /** There is no one answer. */
    private static final class Open extends Exception {
        private static final long serialVersionUID = 1L;

        private Open() {
            super("open", null, false, false);
        }
    }

    SmmuReferenceWalker(int subVersion, NativePort port, boolean driver) {
        this.port = port;
        this.driver = driver;
        streamTables = port.platform().memory();
        memory = port.platform().guestTables();
        idr0 = port.readRegister(0x00, Integer.BYTES);
        idr1 = port.readRegister(0x04, Integer.BYTES);
        idr3 = port.readRegister(0x0C, Integer.BYTES);
        idr5 = port.readRegister(0x14, Integer.BYTES);
        oas = SIZES[(int) idr5 & 7];
        first = subVersion == 0x0300;
    }

    @Override
    public boolean wrote(long offset, int sizeBytes, long value) {
        boolean table = offset + sizeBytes > STRTAB_BASE && offset <= LAST_OF_STRTAB;
        boolean mode = offset + sizeBytes > CR2 && offset < CR2 + Integer.BYTES;
        return table || mode;
    }

    @Override
    public void attached(int requester, long table, int levels) {
        forget();
        if (table == -1) {
            bound.remove(requester);
            return;
        }
        long size = 64 - Math.min(12 + 9L * levels, oas);
        long control = size << 32 | (long) (levels - 2) << 38 | (idr5 & 7) << 48 | 1L << 51 | 1L << 58;
        bound.put(requester, new Bound(null, 6L << 1 | 1, 0, control, table));
    }

    @Override
    public void detached(int requester) {
        forget();
        bound.remove(requester);
    }

    @Override
    public void bound(BindRequest request) {
        forget();
        long[] words = new long[request.payloadLength() / Long.BYTES];
        for (int i = 0; i < request.payloadLength(); i++) {
            words[i / Long.BYTES] |=
                    (request.payload()[request.payloadOffset() + i] & 0xffL) << (Byte.SIZE * (i % Long.BYTES));
        }
        int requester = (int) words[1];
        boolean unbinds = (request.flags() & UNBIND) != 0;
        if (request.operation() == BIND_PASID) {
            boundPasid(requester, words, unbinds);
        } else if (unbinds) {
            bound.remove(requester);
        } else if ((request.flags() & PASS_THROUGH) != 0) {
            bound.put(requester, new Bound(null, 4L << 1 | 1, 0, 0, 0));
        } else if (request.operation() == BIND_PGTABLE && (request.flags() & STAGE_2) != 0) {
            bound.put(
                    requester,
                    new Bound(null, 6L << 1 | 1, bits(words, 119, 119) << 25, stage2Control(words), words[0]));
        } else if (request.operation() == BIND_PGTABLE && (request.flags() & NESTED) != 0) {
            // The third word has the fields of STE[63:4] in their places, and S1DSS in bits 53:52.
            long entry = 7L << 1 | 1 | (words[2] & ~(3L << 52));
            long more = bits(words, 119, 119) << 25 | bits(words, 181, 180);
            bound.put(requester, new Bound(null, entry, more, stage2Control(words), words[0]));
        } else if (request.operation() == BIND_PGTABLE) {
            bound.put(requester, new Bound(Map.of(0, context(words, 1)), 5L << 1 | 1, 0, 0, 0));
        } else {
            long entry = 5L << 1 | 1 | bits(words, 103, 102) << 4 | words[0] | bits(words, 100, 96) << 59;
            bound.put(requester, new Bound(null, entry, bits(words, 105, 104), 0, 0));
        }
    }

    private void boundPasid(int requester, long[] words, boolean unbinds) {
        long most = Math.min(bit(idr0, 19) ? 15 : 6, Math.min(idr1 >>> 6 & 31, bit(idr0, 12) ? 16 : 8));
        Bound stream =
                bound.computeIfAbsent(requester, key -> new Bound(new HashMap<>(), 5L << 1 | 1 | most << 59, 2, 0, 0));
        int pasid = (int) bits(words, 211, 192);
        if (!unbinds) {
            stream.contexts.put(pasid, context(words, pasid));
            stream.leaves.add(pasid >>> 6);
        } else if (stream.contexts.remove(pasid) == null || stream.contexts.isEmpty()) {
            bound.remove(requester);
        }
    }

    /** STE[191:128] of a guest's stage-2 table, without a VMID; S2AA64 and S2R are the host's. */
    private static long stage2Control(long[] words) {
        return bits(words, 101, 96) << 32
                | bits(words, 113, 112) << 38
                | bits(words, 105, 104) << 46
                | bits(words, 110, 108) << 48
                | 1L << 51
                | bits(words, 111, 111) << 52
                | bits(words, 114, 114) << 53
                | bits(words, 116, 116) << 55
                | bits(words, 115, 115) << 56
                | bits(words, 118, 118) << 57
                | 1L << 58;
    }

    /** The host's context descriptor of a table. */
    private static long[] context(long[] words, long asid) {
        long control = bits(words, 101, 96)
                | bits(words, 105, 104) << 6
                | bits(words, 111, 111) << 15
                | 1L << 30
                | 1L << 31
                | bits(words, 110, 108) << 32
                | 1L << 41
                | 1L << 45
                | 1L << 46
                | asid << 48;
        return new long[] {control, words[0], 0, 0};
    }

    /** A driver drops what tags stood for before it uses them again. */
    private void forget() {
        meanings.clear();
        ambiguous.clear();
    }

    @Override
    public void accessed(int requester, boolean faulted) {
        Bound stream = bound.get(requester);
        if (stream != null && hasOwnContexts(stream)) {
            stream.used.add(ownContexts(stream));
        }
    }

    private static boolean hasOwnContexts(Bound stream) {
        return stream.contexts == null && (bits(stream.ste, 3, 1) & 5) == 5;
    }

    /** A number for the contents of a guest's own context descriptors. */
    private int ownContexts(Bound stream) {
        int hash = 0;
        int count = 1 << Math.min(bits(stream.ste, 63, 59), MOST_CONTEXTS_LOG2);
        for (int index = 0; index < count; index++) {
            try {
                int contexts = (int) bits(stream.ste, 63, 59);
                boolean nested = bits(stream.ste, 3, 1) == 7;
                hash = 31 * hash + Arrays.hashCode(contextDescriptor(stream.ste, contexts, index, nested));
            } catch (Refused refused) {
                hash = 31 * hash + refused.code;
            } catch (Open open) {
                hash = 31 * hash;
            }
        }
        return hash;
    }

    /** Descriptors that the chip may have kept must be those in memory. */
    private void expectUnchanged(Bound stream, int index) throws Open {
        if (index >>> MOST_CONTEXTS_LOG2 != 0 || !Set.of(ownContexts(stream)).containsAll(stream.used)) {
            throw new Open();
        }
    }

    @Override
    public boolean translate(DmaAccess access) {
        if (access.addressType() != DmaAccess.AddressType.UNTRANSLATED) {
            return false;
        }
        try {
            long pa = translated(access);
            if (pa < 0) {
                access.blocked();
            } else {
                access.translated(pa, 0, DmaAccess.READ | DmaAccess.WRITE, false);
            }
            return true;
        } catch (Refused refused) {
            access.fault(refused.code, false);
            return true;
        } catch (Open open) {
            return false;
        }
    }

    private static long bits(long[] words, int high, int low) {
        long value = words[low / 64] >>> (low % 64);
        int width = high - low + 1;
        return width == 64 ? value : value & ((1L << width) - 1);
    }

    private static boolean bit(long[] words, int at) {
        return bits(words, at, at) != 0;
    }

    private static boolean bit(long word, int at) {
        return (word >>> at & 1) != 0;
    }

    private long[] read(long at, int words, int fault) throws Refused {
        return read(memory, at, words, fault);
    }

    private static long[] read(PhysicalMemory memory, long at, int words, int fault) throws Refused {
        long[] read = new long[words];
        try {
            for (int i = 0; i < words; i++) {
                read[i] = memory.readLongLe(at + 8L * i);
            }
        } catch (BusErrorException e) {
            throw new Refused(fault);
        }
        return read;
    }

    private long translated(DmaAccess access) throws Refused, Open {
        long address = access.iova();
        if (!bit(port.readRegister(CR0ACK, 4), 0)) {
            boolean passes = !bit(port.readRegister(GBPA, 4), 20) && address >>> oas == 0;
            return passes ? address : -1;
        }
        long[] ste = streamTableEntry(Integer.toUnsignedLong(access.requester()));
        Bound stream = bound.get(access.requester());
        if (driver && stream == null) {
            return -1;
        }
        if (driver) {
            long vmid = ste[2] & 0xffff;
            ste = stream.ste.clone();
            ste[2] |= vmid;
        }
        int config = (int) bits(ste, 3, 1);
        if (!bit(ste, 0)) {
            throw new Refused(C_BAD_STE);
        }
        if (config < 4) {
            return -1;
        }
        checkStream(ste, config);
        boolean write = (access.rights() & DmaAccess.WRITE) != 0;
        boolean fetch = !write && (access.rights() & DmaAccess.EXECUTE) != 0;
        boolean privileged = access.privileged();
        if (bit(idr1, 26)) {
            int privilege = (int) bits(ste, 113, 112);
            int kind = (int) bits(ste, 115, 114);
            privileged = privilege == 3 || (privilege < 2 && privileged);
            fetch = !write && (kind == 3 || (kind < 2 && fetch));
        }
        boolean read = !fetch && (!write || (access.rights() & DmaAccess.READ) != 0);
        int contexts = (idr1 >>> 6 & 31) == 0 ? 0 : (int) bits(ste, 63, 59);
        boolean named = access.pasid() != DmaAccess.NO_PASID;
        boolean stage1 = (config & 1) != 0;
        if (named && (!stage1 || contexts == 0 || access.pasid() >>> contexts != 0)) {
            throw new Refused(C_BAD_SUBSTREAMID);
        }
        if (config == 4) {
            return inside(address);
        }
        int index = named ? access.pasid() : 0;
        if (stage1 && contexts != 0) {
            int without = (int) bits(ste, 65, 64);
            if (named ? without == 2 && index == 0 : without != 1 && without != 2) {
                throw new Refused(F_STREAM_DISABLED);
            }
            stage1 = named || without == 2;
        }
        boolean stage2 = config >= 6;
        long tag = bit(idr0, 0) ? bits(ste, 143, 128) : 0;
        if (stage2) {
            mean(1L << 40 | tag, ste[2] + " " + ste[3] + " " + bit(ste, 89));
        }
        long intermediate = address;
        if (!stage1) {
            inside(address);
        } else {
            if (driver && hasOwnContexts(stream)) {
                expectUnchanged(stream, index);
            }
            long[] cd = driver && stream.contexts != null
                    ? ofHost(stream, contexts, index)
                    : contextDescriptor(ste, contexts, index, stage2);
            intermediate = stage1(ste, cd, stage2, tag, address, write, fetch, privileged);
        }
        return stage2 ? stage2(ste, intermediate, read, write, fetch, privileged, false) : intermediate;
    }

    /** A tag must stand for one thing only. */
    private void mean(long tag, String what) throws Open {
        String before = meanings.putIfAbsent(tag, what);
        if (before != null && !before.equals(what)) {
            ambiguous.add(tag);
        }
        if (ambiguous.contains(tag)) {
            throw new Open();
        }
    }

    private long inside(long address) throws Refused {
        if (address >>> oas != 0) {
            throw new Refused(F_ADDR_SIZE);
        }
        return address;
    }

    private long[] streamTableEntry(long streamId) throws Refused {
        long config = port.readRegister(STRTAB_BASE_CFG, 4);
        int log2Size = (int) config & 63;
        int idBits = (int) idr1 & 63;
        if (streamId >>> Math.min(log2Size, idBits) != 0) {
            throw new Refused(C_BAD_STREAMID);
        }
        long base = port.readRegister(STRTAB_BASE, 8) & 0x000F_FFFF_FFFF_FFC0L & ((1L << oas) - 1);
        if ((config >>> 16 & 3) != 1) {
            int alignment = log2Size + 6;
            return read(streamTables, (alignment > 63 ? 0 : base & -1L << alignment) + streamId * 64, 4, F_STE_FETCH);
        }
        int split = (int) (config >>> 6) & 31;
        split = split == 8 || split == 10 ? split : 6;
        int alignment = Math.max(6, log2Size - split + 3);
        long level1 = read(
                streamTables,
                (alignment > 63 ? 0 : base & -1L << alignment) + (streamId >>> split) * 8,
                1,
                F_STE_FETCH)[0];
        int span = (int) level1 & 31;
        long in = streamId & ((1L << split) - 1);
        if (span == 0 || span > 11 || span > split + 1 || in >= 1L << (span - 1)) {
            throw new Refused(C_BAD_STREAMID);
        }
        long table = level1 & 0x00FF_FFFF_FFFF_FFC0L & ((1L << oas) - 1) & -1L << (span + 5);
        return read(streamTables, table + in * 64, 4, F_STE_FETCH);
    }

    private void checkStream(long[] ste, int config) throws Refused, Open {
        if (config == 4) {
            return;
        }
        boolean stage1 = (config & 1) != 0;
        boolean stage2 = config >= 6;
        int stalls = (int) (idr0 >>> 24) & 3;
        boolean bad = (stage1 && !bit(idr0, 1)) || (stage2 && !bit(idr0, 0));
        boolean el2 = bit(idr0, 9) && config == 5 && bits(ste, 95, 94) == 2;
        bad |= bit(idr0, 9) && config == 5 && (bits(ste, 95, 94) & 1) != 0;
        bad |= bit(idr0, 0) && !el2 && !bit(idr0, 18) && bits(ste, 143, 136) != 0;
        if (bit(idr0, 10)) {
            int ats = (int) bits(ste, 93, 92);
            bad |= ats == 2 && (config != 7 || bit(ste, 185) || bit(idr0, 11));
            bad |= ats == 1 && stage2 && bit(ste, 185);
        }
        if (stage1) {
            int sizes = (int) (idr1 >>> 6) & 31;
            int contexts = (int) bits(ste, 63, 59);
            int format = (int) bits(ste, 5, 4);
            bad |= bit(ste, 91) && stalls != 0;
            bad |= sizes != 0 && contexts > sizes;
            bad |= sizes != 0 && contexts > 0 && (format == 1 || format == 2) && !bit(idr0, 19);
            bad |= (ste[0] & 0x000F_FFFF_FFFF_FFC0L) >>> oas != 0;
        }
        if (bad) {
            throw new Refused(C_BAD_STE);
        }
        if (stage2) {
            checkStage2(ste, stalls);
        }
    }

    private void checkStage2(long[] ste, int stalls) throws Refused, Open {
        int granule = LOW_GRANULES[(int) bits(ste, 175, 174)];
        int size = (int) bits(ste, 165, 160);
        if (bit(idr3, 9)) {
            throw new Open();
        }
        int[][] rows = granule == 12 ? S2_4K : granule == 14 ? S2_16K : S2_64K;
        int[] row = rows[(int) bits(ste, 167, 166)];
        int outputs = size((int) bits(ste, 178, 176));
        boolean bad = !bit(ste, 179)
                || (bit(ste, 185) ? stalls == 1 : stalls == 2)
                || granule == 0
                || !hasGranule(granule)
                || !hasOrder(bit(ste, 180))
                || badUpdates(bit(ste, 184), bit(ste, 183))
                || (bit(idr5, 7) && bit(ste, 195))
                || row.length == 0
                || size < Math.max(row[1], 64 - oas)
                || size > row[2]
                || (ste[3] & 0x000F_FFFF_FFFF_FFF0L) >>> (granule == 16 ? outputs : Math.min(outputs, 48)) != 0;
        if (bad) {
            throw new Refused(C_BAD_STE);
        }
        if (bit(ste, 184)) {
            throw new Open();
        }
    }

    private int size(int code) {
        return Math.min(SIZES[first ? Math.min(code, 5) : code], oas);
    }

    private boolean hasGranule(int granule) {
        return bit(idr5, granule == 12 ? 4 : granule == 14 ? 5 : 6);
    }

    private boolean hasOrder(boolean big) {
        return (idr0 >>> 21 & 3) != (big ? 2 : 3);
    }

    private boolean badUpdates(boolean flag, boolean dirty) {
        int updates = (int) (idr0 >>> 6) & 3;
        return (updates == 0 && (flag || dirty)) || (updates == 1 && dirty);
    }

    private long context(long[] ste, int contexts, int index, boolean nested) throws Refused, Open {
        long pointer = ste[0] & 0x000F_FFFF_FFFF_FFC0L;
        int format = contexts == 0 ? 0 : (int) bits(ste, 5, 4);
        if (format != 1 && format != 2) {
            return (pointer & -(64L << contexts)) + index * 64L;
        }
        int leaf = format == 1 ? 6 : 10;
        long bytes = Math.max(64, 8L << Math.max(0, contexts - leaf));
        long at = (pointer & -bytes) + (long) (index >>> leaf) * 8;
        long pa = nested ? stage2(ste, at, true, false, false, true, true) : at;
        long level1 = read(pa, 1, F_CD_FETCH)[0];
        long table = level1 & 0x00FF_FFFF_FFFF_F000L & -(64L << leaf);
        if (!bit(level1, 0) || table >>> oas != 0) {
            throw new Refused(C_BAD_SUBSTREAMID);
        }
        return table + (long) (index & ((1 << leaf) - 1)) * 64;
    }

    private static long[] ofHost(Bound stream, int contexts, int index) throws Refused {
        long[] cd = stream.contexts.get(index);
        if (cd == null) {
            throw new Refused(contexts <= 6 || stream.leaves.contains(index >>> 6) ? C_BAD_CD : C_BAD_SUBSTREAMID);
        }
        return cd;
    }

    private long[] contextDescriptor(long[] ste, int contexts, int index, boolean nested) throws Refused, Open {
        long at = context(ste, contexts, index, nested);
        return read(nested ? stage2(ste, at, true, false, false, true, true) : at, 4, F_CD_FETCH);
    }

    private long stage1(
            long[] ste,
            long[] cd,
            boolean nested,
            long vmid,
            long input,
            boolean write,
            boolean fetch,
            boolean asPrivileged)
            throws Refused, Open {
        boolean el2 = bit(idr0, 9) && bits(ste, 3, 1) == 5 && bits(ste, 95, 94) == 2;
        boolean plain = el2 && !bit(port.readRegister(CR2, 4), 0);
        boolean privileged = asPrivileged || plain;
        checkContext(ste, cd, plain);
        int asid = (int) bits(cd, 63, 48);
        long world = plain ? 2L << 40 : el2 ? 3L << 40 : 4L << 40 | vmid << 16;
        mean(world | (plain ? 0 : asid), meaning(ste, cd, nested));
        // Global entries of one descriptor would answer for all others of the same VMID.
        mean(world | 5L << 44, meaning(ste, cd, nested));
        boolean upper = !plain && bit(input, 55);
        long address = bit(cd, upper ? 39 : 38) ? input << 8 >> 8 : input;
        int width = 64 - (int) (upper ? bits(cd, 21, 16) : bits(cd, 5, 0));
        boolean off = !plain && bit(cd, upper ? 30 : 14);
        boolean keepsOut = bit(idr3, 13) && !plain && bit(cd, upper ? 130 : 66) && !privileged;
        if (off || address >> width != (upper ? -1 : 0) || keepsOut) {
            throw new Refused(F_TRANSLATION);
        }
        int granule = upper ? HIGH_GRANULES[(int) bits(cd, 23, 22)] : LOW_GRANULES[(int) bits(cd, 7, 6)];
        int perLevel = granule - 3;
        int level = 4 - (width - granule + perLevel - 1) / perLevel;
        int outputs = size((int) bits(cd, 34, 32));
        long table = cd[upper ? 2 : 1] & 0x000F_FFFF_FFFF_FFF0L;
        long entries = 1L << (width - granule - (3 - level) * perLevel);
        table &= -Math.max(entries * 8, outputs == 52 ? 64 : 16);
        boolean ignored = bit(idr3, 2) && bit(cd, upper ? 129 : 65);
        boolean noUser = false;
        boolean noWrite = false;
        boolean noPrivilegedExecute = false;
        boolean noUserExecute = false;
        while (true) {
            int shift = granule + (3 - level) * perLevel;
            long slot = table + (address >>> shift & (entries - 1)) * 8;
            long pa = nested ? stage2(ste, slot, true, false, false, true, true) : slot;
            long entry = descriptor(memory, pa, granule, bit(cd, 15));
            boolean leaf = isLeaf(entry, level, granule);
            long output = output(entry, granule, leaf ? shift : granule);
            if (output >>> outputs != 0) {
                throw new Refused(F_ADDR_SIZE);
            }
            if (leaf) {
                if (!bit(entry, 10) && !bit(cd, 35)) {
                    throw new Refused(F_ACCESS);
                }
                boolean user = bit(entry, 6) && !noUser;
                boolean writable = !bit(entry, 7) && !noWrite;
                boolean uxn = bit(entry, 54) || noUserExecute;
                boolean pxn = bit(entry, 53) || noPrivilegedExecute || (user && writable);
                boolean wxn = bit(cd, 36);
                boolean allowed;
                if (plain) {
                    allowed = fetch ? !uxn && !(wxn && writable) : !write || writable;
                } else if (fetch) {
                    allowed = privileged ? !pxn && !(wxn && writable) : !uxn && !(wxn && user && writable);
                } else {
                    allowed = (privileged || user) && (!write || writable);
                    boolean userExecute = !uxn && !(wxn && user && writable);
                    boolean never = bit(cd, 40) && (user || (bit(idr3, 17) && bit(cd, 123) && userExecute));
                    allowed &= !(privileged && never);
                }
                if (!allowed) {
                    throw new Refused(F_PERMISSION);
                }
                return output | (address & ((1L << shift) - 1));
            }
            if (!ignored) {
                noPrivilegedExecute |= bit(entry, 59);
                noUserExecute |= bit(entry, 60);
                noUser |= bit(entry, 61);
                noWrite |= bit(entry, 62);
            }
            table = output;
            entries = 1L << perLevel;
            level++;
        }
    }

    /** Fields of both structures that a TLB may keep. */
    private static String meaning(long[] ste, long[] cd, boolean nested) {
        return cd[0] + " " + cd[1] + " " + cd[2] + " " + (nested ? ste[2] + " " + ste[3] : "");
    }

    private void checkContext(long[] ste, long[] cd, boolean plain) throws Refused, Open {
        int stalls = (int) (idr0 >>> 24) & 3;
        boolean bad = !bit(cd, 31)
                || !bit(cd, 41)
                || (bit(cd, 44) ? stalls == 1 || bit(ste, 91) : stalls == 2)
                || (!bit(cd, 46) && bit(idr0, 26))
                || badUpdates(bit(cd, 43), bit(cd, 42))
                || (bit(idr5, 7) && bit(cd, 186))
                || (!plain && !bit(idr0, 12) && bits(cd, 63, 56) != 0);
        boolean lower = plain || !bit(cd, 14);
        boolean upper = !plain && !bit(cd, 30);
        bad |= (lower || upper) && !hasOrder(bit(cd, 15));
        bad |= lower && badHalf(cd, LOW_GRANULES[(int) bits(cd, 7, 6)], (int) bits(cd, 5, 0), cd[1]);
        bad |= upper && badHalf(cd, HIGH_GRANULES[(int) bits(cd, 23, 22)], (int) bits(cd, 21, 16), cd[2]);
        if (bad) {
            throw new Refused(C_BAD_CD);
        }
        if (bit(cd, 43)) {
            throw new Open();
        }
    }

    private boolean badHalf(long[] cd, int granule, int size, long table) {
        boolean small = bit(idr3, 9);
        int outputs = size((int) bits(cd, 34, 32));
        int least = granule == 16 && (idr5 >>> 10 & 3) != 0 ? 12 : 16;
        int most = small ? granule == 16 ? 47 : 48 : 39;
        return granule == 0
                || !hasGranule(granule)
                || size < least
                || size > most
                || (table & 0x000F_FFFF_FFFF_FFF0L) >>> (granule == 16 ? outputs : Math.min(outputs, 48)) != 0;
    }

    private long descriptor(PhysicalMemory tables, long pa, int granule, boolean bigEndian) throws Refused, Open {
        int group = granule == 12 ? 16 : granule == 14 ? 128 : 32;
        long first = pa & -8L * group;
        long[] entries = read(tables, first, group, F_WALK_EABT);
        for (long entry : entries) {
            // A TLB may answer for the whole group by any one of its entries.
            long ordered = bigEndian ? Long.reverseBytes(entry) : entry;
            if (bit(ordered, 0) && bit(ordered, 52)) {
                throw new Open();
            }
        }
        long entry = entries[(int) (pa - first) / 8];
        return bigEndian ? Long.reverseBytes(entry) : entry;
    }

    private boolean isLeaf(long entry, int level, int granule) throws Refused {
        boolean table = bit(entry, 1);
        boolean blocks = level == 2 || (level == 1 && (granule == 12 || (granule == 16 && oas == 52)));
        if (!bit(entry, 0) || (level == 3 ? !table : !table && !blocks)) {
            throw new Refused(F_TRANSLATION);
        }
        return level == 3 || !table;
    }

    private static long output(long entry, int granule, int shift) {
        long low = entry & 0x0000_FFFF_FFFF_F000L;
        long address = granule == 16 ? (low & ~0xF000L) | (entry >>> 12 & 15) << 48 : low;
        return address & -1L << shift;
    }

    private long stage2(
            long[] ste, long input, boolean read, boolean write, boolean fetch, boolean privileged, boolean ofTable)
            throws Refused, Open {
        int granule = LOW_GRANULES[(int) bits(ste, 175, 174)];
        int width = 64 - (int) bits(ste, 165, 160);
        if (input >>> width != 0) {
            throw new Refused(F_TRANSLATION);
        }
        int perLevel = granule - 3;
        int[][] rows = granule == 12 ? S2_4K : granule == 14 ? S2_16K : S2_64K;
        int level = rows[(int) bits(ste, 167, 166)][0];
        int outputs = size((int) bits(ste, 178, 176));
        long entries = 1L << (width - granule - (3 - level) * perLevel);
        long table = ste[3] & 0x000F_FFFF_FFFF_FFF0L & -Math.max(entries * 8, outputs == 52 ? 64 : 16);
        PhysicalMemory tables = memory.contains(table, 8) ? memory : streamTables;
        while (true) {
            int shift = granule + (3 - level) * perLevel;
            long entry = descriptor(tables, table + (input >>> shift & (entries - 1)) * 8, granule, bit(ste, 180));
            boolean leaf = isLeaf(entry, level, granule);
            long output = output(entry, granule, leaf ? shift : granule);
            if (output >>> outputs != 0) {
                throw new Refused(F_ADDR_SIZE);
            }
            if (leaf) {
                if (!bit(entry, 10) && !bit(ste, 181)) {
                    throw new Refused(F_ACCESS);
                }
                int never = (int) (entry >>> 53) & 3;
                boolean executes = bit(idr3, 4)
                        ? never == 0 || (never == 1 && !privileged) || (never == 3 && privileged)
                        : never < 2;
                boolean forced = bit(idr3, 8) && bit(ste, 89);
                boolean device = forced ? (entry >>> 4 & 1) == 0 : (entry >>> 2 & 15) < 4;
                boolean refused = (write && !bit(entry, 7))
                        || (read && !bit(entry, 6))
                        || (fetch && !executes)
                        || (ofTable && device && bit(ste, 182));
                if (refused) {
                    throw new Refused(F_PERMISSION);
                }
                return output | (input & ((1L << shift) - 1));
            }
            table = output;
            entries = 1L << perLevel;
            level++;
        }
    }
}
