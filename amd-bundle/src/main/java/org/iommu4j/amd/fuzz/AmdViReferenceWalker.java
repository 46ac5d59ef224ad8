package org.iommu4j.amd.fuzz;

import static org.iommu4j.amd.fuzz.ReferenceTables.bit;
import static org.iommu4j.amd.fuzz.ReferenceTables.isRead;
import static org.iommu4j.amd.fuzz.ReferenceTables.isWrite;
import static org.iommu4j.amd.fuzz.ReferenceTables.mode;

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
 * <p>{@link ReferenceTables} has the tables behind the device table.
 */
final class AmdViReferenceWalker implements ReferenceWalker {
    private static final int CONTROL = 0x18;
    private static final int FEATURES = 0x30;
    private static final int FEATURES_2 = 0x1a0;
    private static final int CAPABILITY = 0x4000;
    private static final long ADDRESS = ReferenceTables.ADDRESS;

    /** HAD, IR and IW, which entries of one domain may have each for itself. */
    private static final long OF_EACH_DEVICE = 3L << 7 | 3L << 61;

    /** Largest device table, in pages, that is searched for entries that share a domain. */
    private static final int MOST_PAGES = 8;

    private final NativePort port;
    private final PhysicalMemory memory;
    private final boolean driver;
    private final boolean snp;
    private final long features;
    private final long features2;
    private final long capability;

    private final ReferenceBindings bindings = new ReferenceBindings();
    private final ReferenceTables tables;

    private long control;

    AmdViReferenceWalker(NativePort port, boolean driver, boolean snp) {
        this.port = port;
        this.driver = driver;
        this.snp = snp;
        memory = port.platform().memory();
        features = port.readRegister(FEATURES, Long.BYTES);
        features2 = port.readRegister(FEATURES_2, Long.BYTES);
        capability = port.readRegister(CAPABILITY, Integer.BYTES);
        tables = new ReferenceTables(port, driver ? bindings : null);
    }

    /** Rings and their status change no translation; control, device tables and exclusion range do. */
    @Override
    public boolean wrote(long offset, int sizeBytes, long value) {
        return offset < 0x8 || (offset >= 0x18 && offset < 0x30) || (offset >= 0x100 && offset < 0x140);
    }

    @Override
    public void attached(int requester, long table, int levels) {
        bindings.attached(requester, table, levels);
    }

    @Override
    public void detached(int requester) {
        bindings.detached(requester);
    }

    @Override
    public void bound(BindRequest request) {
        bindings.bound(request);
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
        } catch (ReferenceStop stop) {
            access.fault(stop.code(), false);
            return stop.code() != ReferenceStop.NO_OPINION;
        }
    }

    private static boolean pass(DmaAccess access) {
        access.translated(access.iova(), 0, 0, false);
        return true;
    }

    /** Docs 3.12. */
    private boolean remap(DmaAccess access, int requester, AddressType type) {
        boolean withPasid = access.pasid() != DmaAccess.NO_PASID;
        boolean asks = type == AddressType.TRANSLATION_REQUEST;
        if (type != AddressType.TRANSLATED && access.iova() >>> 20 == 0xfee) {
            // Whether an interrupt passes is told by the other half of the entry.
            throw new ReferenceStop(asks ? ReferenceStop.INVALID_REQUEST : ReferenceStop.NO_OPINION);
        }
        long[] entry = driver ? ofBound(requester, asks) : entry(requester, asks);
        if (!bit(entry[0], 0)) {
            if (type == AddressType.UNTRANSLATED) {
                return pass(access);
            }
            throw new ReferenceStop(ReferenceStop.INVALID_REQUEST);
        }
        if (isReserved(entry)) {
            throw new ReferenceStop(ReferenceStop.ILLEGAL_ENTRY);
        }
        if (type != AddressType.UNTRANSLATED && !(bit(capability, 24) && bit(entry[1], 32))) {
            throw new ReferenceStop(ReferenceStop.INVALID_REQUEST);
        }
        if (type == AddressType.TRANSLATED) {
            return pass(access);
        }
        if (!bit(entry[0], 1)) {
            throw new ReferenceStop(asks ? ReferenceStop.INVALID_REQUEST : ReferenceStop.PAGE_FAULT);
        }
        if (isExcluded(entry, access.iova())) {
            return pass(access);
        }
        int mode = mode(entry);
        boolean gv = bit(entry[0], 55);
        if (mode > hostLevels() || (gv && isGuestLevelWrong(entry))) {
            throw new ReferenceStop(ReferenceStop.ILLEGAL_ENTRY);
        }
        boolean denied = (isRead(access) && !bit(entry[0], 61)) || (isWrite(access) && !bit(entry[0], 62));
        boolean guest = gv && bit(control, 16);
        if ((!asks && denied) || (withPasid && !guest)) {
            throw new ReferenceStop(ReferenceStop.PAGE_FAULT);
        }
        if (!driver && isShared(requester, entry)) {
            throw new ReferenceStop(ReferenceStop.NO_OPINION);
        }
        if (withPasid || (guest && bit(entry[0], 54))) {
            return tables.guest(access, requester, entry, asks);
        }
        if (mode == 0 && !asks) {
            return pass(access);
        }
        ReferenceTables.Page page = tables.host(entry, access.iova(), isRead(access), isWrite(access), asks);
        if (asks && !page.read() && !page.write()) {
            throw new ReferenceStop(ReferenceStop.PAGE_FAULT);
        }
        long inPage = access.iova() & ((1L << page.shift()) - 1);
        access.translated(page.address() | inPage, 1L << page.shift(), 0, false);
        return true;
    }

    /** The device table entry in memory, docs 3.1. */
    private long[] entry(int requester, boolean asks) {
        int bits = 16 - (int) (control >>> 34 & 7);
        int segment = requester >>> bits;
        long base = port.readRegister(segment == 0 ? 0 : 0x100 + 8 * (segment - 1), Long.BYTES);
        long offset = (requester & ((1L << bits) - 1)) * 32;
        if (offset > lastByte(base, segment == 0 ? 0x1ff : 0xff)) {
            throw new ReferenceStop(asks ? ReferenceStop.INVALID_REQUEST : ReferenceStop.PAGE_FAULT);
        }
        long[] words = new long[4];
        try {
            for (int i = 0; i < 4; i++) {
                words[i] = memory.readLongLe((base & ADDRESS) + offset + 8L * i);
            }
        } catch (BusErrorException e) {
            throw new ReferenceStop(ReferenceStop.TABLE_ERROR);
        }
        return words;
    }

    private static long lastByte(long base, int size) {
        return (base & size) << 12 | 0xfff;
    }

    /** The device table entry that a binding asks for. */
    private long[] ofBound(int requester, boolean asks) {
        long[] words = bindings.entry(requester);
        if (words != null) {
            return words;
        }
        if (requester * 32L > lastByte(port.readRegister(0, Long.BYTES), 0x1ff)) {
            throw new ReferenceStop(asks ? ReferenceStop.INVALID_REQUEST : ReferenceStop.PAGE_FAULT);
        }
        return new long[] {1, 0, 0, 0};
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

    /** Docs 4.4 AMD-D.34: true if another entry names the same domain, but other tables; then either may answer. */
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
                boolean same = ((word0 ^ entry[0]) & ~OF_EACH_DEVICE) == 0
                        && (word1 & ~(0xffL << 32)) == (entry[1] & ~(0xffL << 32));
                if (tables && (word1 & 0xffff) == (entry[1] & 0xffff) && !same) {
                    return true;
                }
            } catch (BusErrorException e) {
                return false;
            }
        }
        return false;
    }
}
