package org.iommu4j.amd.fuzz;

import java.util.HashMap;
import java.util.Map;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.contract.BindRequest;

/**
 * A translation written from docs/spec/amd-vi.md 3 with none of the chip's code: numbers are typed out, nothing is kept but what was
 * bound. Choices are the defaults.
 *
 * <p>With a driver in front it takes what a device translates through from what was attached and bound.
 *
 * <p>The class is long because it is a second reading of the specification that shares nothing with the chip: device table,
 * both kinds of tables and permissions.
 */
final class AmdViReferenceWalker implements ReferenceWalker {
    private static final int ILLEGAL_ENTRY = 1;
    private static final int PAGE_FAULT = 2;
    private static final int TABLE_ERROR = 3;
    private static final int PAGE_TABLE_ERROR = 4;
    private static final int INVALID_REQUEST = 8;
    private static final int NO_OPINION = -1;

    private static final int CONTROL = 0x18;
    private static final int FEATURES = 0x30;
    private static final int FEATURES_2 = 0x1a0;
    private static final int CAPABILITY = 0x4000;
    private static final long ADDRESS = 0x000f_ffff_ffff_f000L;

    /** Largest device table, in pages, that is searched for entries that share a domain. */
    private static final int MOST_PAGES = 8;

    private final NativePort port;
    private final PhysicalMemory memory;
    private final PhysicalMemory guestTables;
    private final boolean driver;
    private final boolean snp;
    private final long features;
    private final long features2;
    private final long capability;

    /** Bindings by device; for units with a driver. */
    private final Map<Integer, Bound> bound = new HashMap<>();

    private long control;

    /** The tables that a device translates through. */
    private static final class Bound {
        private boolean host;
        private long table;
        private int mode;
        private boolean deviceTlb;
        private boolean openPasids;
        private long gcr3;
        private int glx;
        private boolean fiveLevels;
        private boolean giov;
        private final Map<Integer, Long> pasids = new HashMap<>();
    }

    /** A translation ends with a fault code, or without an opinion. */
    private static final class Stop extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final int code;

        Stop(int code) {
            super(null, null, false, false);
            this.code = code;
        }
    }

    /** A page of a host table. */
    private record Page(long address, int shift, boolean read, boolean write) {}

    AmdViReferenceWalker(NativePort port, boolean driver, boolean snp) {
        this.port = port;
        this.driver = driver;
        this.snp = snp;
        memory = port.platform().memory();
        guestTables = port.platform().guestTables();
        features = port.readRegister(FEATURES, Long.BYTES);
        features2 = port.readRegister(FEATURES_2, Long.BYTES);
        capability = port.readRegister(CAPABILITY, Integer.BYTES);
    }

    /** Rings and their status change no translation; control, device tables and exclusion range do. */
    @Override
    public boolean wrote(long offset, int sizeBytes, long value) {
        return offset < 0x8 || (offset >= 0x18 && offset < 0x30) || (offset >= 0x100 && offset < 0x140);
    }

    @Override
    public void attached(int requester, long table, int levels) {
        Bound device = new Bound();
        device.host = table != -1;
        device.table = table;
        device.mode = levels;
        bound.put(requester, device);
    }

    @Override
    public void detached(int requester) {
        bound.remove(requester);
    }

    @Override
    public void bound(BindRequest request) {
        byte[] payload = request.payload();
        int at = request.payloadOffset();
        long root = little(payload, at, 8) & -4096L;
        long word = little(payload, at + 12, 4);
        boolean undo = (request.flags() & 1) != 0;
        Bound device = bound.computeIfAbsent((int) little(payload, at + 8, 2), key -> new Bound());
        switch (request.operation()) {
            case 4 -> {
                device.host = !undo;
                device.table = root;
                device.mode = (int) word;
                device.deviceTlb = !undo && (request.flags() & 0x2_0000) != 0;
            }
            case 2 -> {
                int pasid = (int) little(payload, at + 16, 3) & 0xf_ffff;
                if (undo) {
                    device.pasids.remove(pasid);
                } else {
                    device.fiveLevels = word == 5;
                    device.giov = device.pasids.isEmpty() ? !device.host : device.giov;
                    device.pasids.put(pasid, root);
                }
            }
            default -> {
                device.openPasids = !undo;
                device.gcr3 = root;
                device.glx = (int) word & 3;
                device.fiveLevels = (word >>> 2 & 1) != 0;
                device.giov = (word >>> 4 & 1) != 0;
            }
        }
    }

    private static long little(byte[] bytes, int at, int count) {
        long value = 0;
        for (int i = count - 1; i >= 0; i--) {
            value = value << 8 | (bytes[at + i] & 0xff);
        }
        return value;
    }

    @Override
    public boolean translate(DmaAccess access) {
        control = port.readRegister(CONTROL, Long.BYTES);
        AddressType type = access.addressType();
        int requester = access.requester();
        boolean enabled = (control & 1) != 0;
        if (requester < 0 || requester > 0xffff || (!enabled && type != AddressType.UNTRANSLATED)) {
            access.blocked();
            return true;
        }
        if (!enabled) {
            return pass(access);
        }
        try {
            return remap(access, requester, type);
        } catch (Stop stop) {
            access.fault(stop.code, false);
            return stop.code != NO_OPINION;
        }
    }

    private static boolean pass(DmaAccess access) {
        access.translated(access.iova(), 0, 0, false);
        return true;
    }

    private static boolean isWrite(DmaAccess access) {
        return (access.rights() & DmaAccess.WRITE) != 0;
    }

    private static boolean isRead(DmaAccess access) {
        return (access.rights() & (DmaAccess.READ | DmaAccess.EXECUTE)) != 0;
    }

    private static boolean bit(long word, int bit) {
        return (word >>> bit & 1) != 0;
    }

    /** Docs 3.12. */
    private boolean remap(DmaAccess access, int requester, AddressType type) {
        boolean withPasid = access.pasid() != DmaAccess.NO_PASID;
        boolean asks = type == AddressType.TRANSLATION_REQUEST;
        if (type != AddressType.TRANSLATED && access.iova() >>> 20 == 0xfee) {
            // Whether an interrupt passes is told by the other half of the entry.
            throw new Stop(asks ? INVALID_REQUEST : NO_OPINION);
        }
        long[] entry = driver ? ofBound(requester, asks) : entry(requester, asks);
        if (!bit(entry[0], 0)) {
            if (type == AddressType.UNTRANSLATED) {
                return pass(access);
            }
            throw new Stop(INVALID_REQUEST);
        }
        if (isReserved(entry)) {
            throw new Stop(ILLEGAL_ENTRY);
        }
        if (type != AddressType.UNTRANSLATED && !(bit(capability, 24) && bit(entry[1], 32))) {
            throw new Stop(INVALID_REQUEST);
        }
        if (type == AddressType.TRANSLATED) {
            return pass(access);
        }
        if (!bit(entry[0], 1)) {
            throw new Stop(asks ? INVALID_REQUEST : PAGE_FAULT);
        }
        if (isExcluded(entry, access.iova())) {
            return pass(access);
        }
        int mode = mode(entry);
        boolean gv = bit(entry[0], 55);
        if (mode > hostLevels() || (gv && isGuestLevelWrong(entry))) {
            throw new Stop(ILLEGAL_ENTRY);
        }
        boolean denied = (isRead(access) && !bit(entry[0], 61)) || (isWrite(access) && !bit(entry[0], 62));
        boolean guest = gv && bit(control, 16);
        if ((!asks && denied) || (withPasid && !guest)) {
            throw new Stop(PAGE_FAULT);
        }
        if (!driver && isShared(requester, entry)) {
            throw new Stop(NO_OPINION);
        }
        if (withPasid || (guest && bit(entry[0], 54))) {
            return guest(access, requester, entry, asks);
        }
        if (mode == 0 && !asks) {
            return pass(access);
        }
        Page page = host(entry, access.iova(), isRead(access), isWrite(access), asks);
        if (asks && !page.read && !page.write) {
            throw new Stop(PAGE_FAULT);
        }
        long inPage = access.iova() & ((1L << page.shift) - 1);
        access.translated(page.address | inPage, 1L << page.shift, 0, false);
        return true;
    }

    private static int mode(long[] entry) {
        return (int) (entry[0] >>> 9 & 7);
    }

    /** The device table entry in memory, docs 3.1. */
    private long[] entry(int requester, boolean asks) {
        int bits = 16 - (int) (control >>> 34 & 7);
        int segment = requester >>> bits;
        long base = port.readRegister(segment == 0 ? 0 : 0x100 + 8 * (segment - 1), Long.BYTES);
        long offset = (requester & ((1L << bits) - 1)) * 32;
        if (offset > lastByte(base, segment == 0 ? 0x1ff : 0xff)) {
            throw new Stop(asks ? INVALID_REQUEST : PAGE_FAULT);
        }
        long[] words = new long[4];
        try {
            for (int i = 0; i < 4; i++) {
                words[i] = memory.readLongLe((base & ADDRESS) + offset + 8L * i);
            }
        } catch (BusErrorException e) {
            throw new Stop(TABLE_ERROR);
        }
        return words;
    }

    private static long lastByte(long base, int size) {
        return (base & size) << 12 | 0xfff;
    }

    /** The device table entry that a binding asks for. */
    private long[] ofBound(int requester, boolean asks) {
        Bound device = bound.get(requester);
        boolean guest = device != null && (device.openPasids || !device.pasids.isEmpty());
        if (device == null || (!device.host && !guest)) {
            if (requester * 32L > lastByte(port.readRegister(0, Long.BYTES), 0x1ff)) {
                throw new Stop(asks ? INVALID_REQUEST : PAGE_FAULT);
            }
            return new long[] {1, 0, 0, 0};
        }
        long word0 = 3 | 3L << 61 | (device.host ? device.table | (long) device.mode << 9 : 0);
        if (guest) {
            word0 |= 1L << 55 | (device.giov ? 1L << 54 : 0) | (device.openPasids ? (long) device.glx << 56 : 0);
        }
        return new long[] {word0, device.deviceTlb ? 1L << 32 : 0, guest && device.fiveLevels ? 1L << 54 : 0, 0};
    }

    private int hostLevels() {
        int code = (int) (features >>> 10 & 3);
        return !bit(capability, 27) ? 6 : code == 3 ? 0 : 4 + code;
    }

    /** Docs 3.3. */
    private boolean isReserved(long[] entry) {
        long wrong0 = 0x8000_0000_0000_000cL
                | (bit(features2, 0) ? 0 : 0x70)
                | (bit(features, 49) ? 0 : 0x180)
                | (bit(features, 50) ? 0 : 3L << 52)
                | (bit(features, 48) ? 0 : 1L << 54)
                | (bit(features, 4) ? 0 : 0x3fL << 55);
        long wrong1 = (bit(features, 31) ? 0 : 1L << 42) | (bit(features, 4) ? 0 : 0xffff_0000L | 0x1f_ffffL << 43);
        int had = (int) (entry[0] >>> 7 & 3);
        boolean root = (entry[0] & ADDRESS) != 0;
        boolean noTables = hostLevels() == 0 && root;
        boolean needsTable = snp && !(root && mode(entry) != 0);
        return (entry[0] & wrong0) != 0
                || (entry[1] & wrong1) != 0
                || had == 2
                || (had == 3 && !bit(features, 52))
                || (entry[1] >>> 35 & 3) == 3
                || (bit(entry[0], 1) && (noTables || needsTable));
    }

    private boolean isGuestLevelWrong(long[] entry) {
        return (entry[0] >>> 56 & 3) > Math.min(2, features >>> 14 & 3)
                || (entry[2] >>> 54 & 3) > Math.min(1, features >>> 12 & 3);
    }

    private boolean isExcluded(long[] entry, long address) {
        long base = port.readRegister(0x20, Long.BYTES);
        long last = (port.readRegister(0x28, Long.BYTES) & ADDRESS) | 0xfff;
        boolean applies = bit(base, 0) && !snp && (bit(base, 1) || bit(entry[1], 39));
        return applies
                && Long.compareUnsigned(address, base & ADDRESS) >= 0
                && Long.compareUnsigned(address, last) <= 0;
    }

    /** True if another entry names the same domain, but other tables or rights: then either may answer. */
    private boolean isShared(int requester, long[] entry) {
        long base = port.readRegister(0, Long.BYTES);
        if ((base & 0x1ff) >= MOST_PAGES || (control >>> 34 & 7) != 0) {
            return true;
        }
        for (int other = 0; other < ((base & 0x1ff) + 1) * 128; other++) {
            if (other == requester) {
                continue;
            }
            try {
                long at = (base & ADDRESS) + other * 32L;
                long word0 = memory.readLongLe(at);
                long word1 = memory.readLongLe(at + 8);
                boolean tables = (word0 & 3) == 3 && ((word0 & 0xe00) != 0 || bit(word0, 55));
                boolean same = word0 == entry[0] && (word1 & ~(0xffL << 32)) == (entry[1] & ~(0xffL << 32));
                if (tables && (word1 & 0xffff) == (entry[1] & 0xffff) && !same) {
                    return true;
                }
            } catch (BusErrorException e) {
                return false;
            }
        }
        return false;
    }

    private long read(PhysicalMemory from, long at) {
        try {
            return from.readLongLe(at);
        } catch (BusErrorException e) {
            throw new Stop(PAGE_TABLE_ERROR);
        }
    }

    /** Docs 3.5. */
    private Page host(long[] entry, long address, boolean read, boolean write, boolean asks) {
        int level = mode(entry);
        boolean mayRead = bit(entry[0], 61);
        boolean mayWrite = bit(entry[0], 62);
        if (level == 0) {
            return new Page(address & -4096L, 12, mayRead, mayWrite);
        }
        if (level < 6 && address >>> (12 + 9 * level) != 0) {
            throw new Stop(PAGE_FAULT);
        }
        long table = entry[0] & ADDRESS;
        PhysicalMemory tables = guestTables.contains(table, 8) ? guestTables : memory;
        while (true) {
            int low = 3 + 9 * level;
            long word = read(tables, table + (address >>> low & 0x1ff) * 8);
            if (isTorn(tables, table, low, word, (int) (address >>> low & 0x1ff))) {
                throw new Stop(NO_OPINION);
            }
            int next = (int) (word >>> 9 & 7);
            boolean leaf = next == 0 || next == 7;
            boolean reserved = (word & (leaf ? 0x7fL << 52 : 0x1ffL << 52)) != 0;
            mayRead &= bit(word, 61);
            mayWrite &= bit(word, 62);
            boolean denied = !asks && ((read && !bit(word, 61)) || (write && !bit(word, 62)));
            if (!bit(word, 0) || reserved || denied) {
                throw new Stop(PAGE_FAULT);
            }
            if (leaf) {
                int shift = next == 7 ? encodedShift(word) : low;
                if (level == 6 || (next == 7 && (shift <= low || shift >= low + 9))) {
                    throw new Stop(PAGE_FAULT);
                }
                return new Page(word & ADDRESS & -1L << shift, shift, mayRead, mayWrite);
            }
            if (next >= level || (address & ((1L << low) - (1L << (12 + 9 * next)))) != 0) {
                throw new Stop(PAGE_FAULT);
            }
            level = next;
            table = word & ADDRESS;
        }
    }

    /** True if an entry is part of a page of more entries, docs 3.5, that are not alike: any of them may answer for all. */
    private boolean isTorn(PhysicalMemory tables, long table, int low, long word, int index) {
        int first = index & 0x100;
        for (int other = first; other < first + 0x100; other++) {
            long candidate = read(tables, table + other * 8L);
            int bits = encodedShift(candidate) - low;
            boolean page = (candidate & 0xe01) == 0xe01 && bits > 0 && bits < 9;
            if (page && other >>> bits == index >>> bits && candidate != word) {
                return true;
            }
        }
        return false;
    }

    private static int encodedShift(long word) {
        int shift = 13;
        while (shift < 53 && bit(word, shift - 1)) {
            shift++;
        }
        return shift;
    }

    /** A guest physical address through the host table, to be read. */
    private long through(long[] entry, long address, boolean asks) {
        if (mode(entry) == 0) {
            return address;
        }
        Page page = host(entry, address, true, false, asks);
        return page.address | (address & ((1L << page.shift) - 1));
    }

    /** Docs 3.6 to 3.8. */
    private boolean guest(DmaAccess access, int requester, long[] entry, boolean asks) {
        boolean nested = mode(entry) != 0;
        boolean withPasid = access.pasid() != DmaAccess.NO_PASID;
        int pasid = withPasid ? access.pasid() : 0;
        boolean user = !withPasid || !access.privileged();
        int level = 4 + (int) (entry[2] >>> 54 & 3);
        int bits = 12 + 9 * level;
        long address = access.iova();
        long upper = address >> (bits - 1);
        boolean inRange = pasid != 0 ? upper == 0 || upper == -1 : address >>> bits == 0;
        if (pasid >>> Math.min(20, (int) (features >>> 32 & 0x1f) + 1) != 0 || !inRange) {
            throw new Stop(PAGE_FAULT);
        }
        Bound device = driver ? bound.get(requester) : null;
        long table = device != null && !device.openPasids
                ? boundTable(device, pasid)
                : gcr3(device != null ? device.gcr3 : gcr3Root(entry), entry, pasid, asks);
        long all = 6;
        boolean executable = true;
        boolean marked = true;
        long word;
        int low;
        while (true) {
            low = 3 + 9 * level;
            word = read(guestTables, through(entry, table + (address >>> low & 0x1ff) * 8, asks));
            boolean large = level > 1 && bit(word, 7);
            long odd = word & ADDRESS & ((1L << low) - 1) & ~0x1fffL;
            if (!bit(word, 0) || (large && (level > 3 || odd != 0))) {
                throw new Stop(PAGE_FAULT);
            }
            all &= word;
            executable &= word >= 0 || !bit(features, 3);
            marked &= bit(word, 5);
            table = word & ADDRESS;
            if (large || level == 1) {
                break;
            }
            level--;
        }
        boolean execute = (access.rights() & DmaAccess.EXECUTE) != 0;
        boolean writable = bit(all, 1);
        boolean users = bit(all, 2);
        if (!asks && ((isWrite(access) && !writable) || (user && !users) || (execute && !executable))) {
            throw new Stop(PAGE_FAULT);
        }
        if (nested && (!marked || (isWrite(access) && !bit(word, 6)))) {
            // Whether accessed and dirty bits of a guest can be set is for the rights of its host table to say.
            throw new Stop(NO_OPINION);
        }
        long inPage = (1L << low) - 1;
        long guestAddress = (table & ~inPage) | (address & inPage);
        Page page = nested
                ? host(entry, guestAddress, isRead(access), isWrite(access), asks)
                : new Page(guestAddress & ~inPage, low, bit(entry[0], 61), bit(entry[0], 62));
        if (asks && ((!users && user) || (!page.read && !(page.write && writable)))) {
            throw new Stop(PAGE_FAULT);
        }
        access.translated(
                page.address | (guestAddress & ((1L << page.shift) - 1)), 1L << Math.min(low, page.shift), 0, false);
        return true;
    }

    private static long boundTable(Bound device, int pasid) {
        Long table = device.pasids.get(pasid);
        if (table == null) {
            throw new Stop(PAGE_FAULT);
        }
        return table;
    }

    private static long gcr3Root(long[] entry) {
        return (entry[0] >>> 58 & 7) << 12 | (entry[1] >>> 16 & 0xffff) << 15 | (entry[1] >>> 43 & 0x1f_ffff) << 31;
    }

    private long gcr3(long root, long[] entry, int pasid, boolean asks) {
        boolean asGuest = bit(control, 58);
        long table = root;
        boolean ofHost = !asGuest;
        for (int depth = (int) (entry[0] >>> 56 & 3); depth >= 0; depth--) {
            long at = table + (pasid >>> (9 * depth) & 0x1ff) * 8L;
            if (asGuest) {
                at = through(entry, at, asks);
            }
            long word = read(ofHost ? memory : guestTables, at);
            if (!bit(word, 0)) {
                throw new Stop(PAGE_FAULT);
            }
            ofHost &= !guestTables.contains(at, 8);
            table = word & ADDRESS;
        }
        return table;
    }
}
