package org.iommu4j.intel.fuzz;

import java.util.HashMap;
import java.util.Map;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Uapi;

/**
 * A translation written from the text of the architecture (VT-d 3.4.2, 3.7, 7.1.3, 9.1, 9.3, 9.8) with none of
 * the chip's code: numbers are typed out, nothing is kept but the root table that software has set and what was bound. Scalable
 * mode is judged behind a driver only, {@link ScalableReference}.
 *
 * <p>With a driver in front it takes a device's table from what was attached and bound; memory must agree that a device
 * without one is blocked.
 */
final class VtdReferenceWalker implements ReferenceWalker {
    private static final int ROOT_NOT_PRESENT = 0x1;
    private static final int CONTEXT_NOT_PRESENT = 0x2;
    private static final int CONTEXT_INVALID = 0x3;
    private static final int BEYOND_WIDTH = 0x4;
    private static final int NO_WRITE = 0x5;
    private static final int NO_READ = 0x6;
    private static final int PAGING_ACCESS = 0x7;
    private static final int ROOT_ACCESS = 0x8;
    private static final int CONTEXT_ACCESS = 0x9;
    private static final int ROOT_RESERVED = 0xa;
    private static final int CONTEXT_RESERVED = 0xb;
    private static final int PAGING_RESERVED = 0xc;
    private static final int TYPE_BLOCKED = 0xd;
    private static final int INTERRUPT_OUTPUT = 0xe;
    private static final int INTERRUPT_BLOCKED = 0x29;
    private static final int ROOT_INVALID = 0x30;
    private static final int WITH_PASID = 0x31;

    private static final int VER = 0x0;
    private static final int CAP = 0x8;
    private static final int ECAP = 0x10;
    private static final int GCMD = 0x18;
    private static final int GSTS = 0x1c;
    private static final int RTADDR = 0x20;
    private static final int PMEN = 0x64;
    private static final long SCALABLE_MODE = 1L << 43;
    private static final long ABORT_MODE = 1L << 52;
    private static final long TRANSLATED_WITH_PASID = 1L << 56;

    private static final long PAGE_MASK = 0xffff_ffff_ffff_f000L;

    private final NativePort port;
    private final PhysicalMemory memory;
    private final PhysicalMemory guestTables;
    private final boolean driver;
    private final int hostBits;
    private final long cap;
    private final long ecap;

    /** RTADDR as it was at the last SRTP. */
    private long root;

    /** Bound tables by requester; used only behind a driver. */
    private final Map<Integer, Stage> stages = new HashMap<>();

    /** The same, and bound PASIDs, if the driver uses scalable mode. */
    private final ScalableReference scalable;

    /** The translation of a device: table, width code (AW), translation type (TT), domain id. */
    private record Stage(long table, int width, int type, int domain) {}

    /** A stage, or the fault that there is none. */
    private record Context(Stage stage, int fault) {
        static Context fault(int code) {
            return new Context(null, code);
        }
    }

    VtdReferenceWalker(NativePort port, boolean driver) {
        this.port = port;
        this.driver = driver;
        memory = port.platform().memory();
        guestTables = port.platform().guestTables();
        hostBits = port.platform().hostAddressWidth();
        cap = port.readRegister(CAP, Long.BYTES);
        ecap = port.readRegister(ECAP, Long.BYTES);
        int major = (int) port.readRegister(VER, Integer.BYTES) >>> 4 & 0xf;
        scalable = new ScalableReference(guestTables, hostBits, major, cap, ecap);
    }

    @Override
    public boolean wrote(long offset, int sizeBytes, long value) {
        if (offset == GCMD && (value >>> 30 & 1) != 0) {
            root = port.readRegister(RTADDR, Long.BYTES);
            // With ESRTPS the unit drops everything by itself.
            return cap >= 0;
        }
        return false;
    }

    @Override
    public void attached(int requester, long table, int levels) {
        scalable.attached(requester, table, levels);
        if (table != -1) {
            stages.put(requester, new Stage(table, levels - 2, 0, 0));
        }
    }

    @Override
    public void detached(int requester) {
        scalable.detached(requester);
        stages.remove(requester);
    }

    @Override
    public void bound(BindRequest request) {
        scalable.bound(request);
        if (request.operation() == Uapi.BIND_PASID) {
            return;
        }
        int requester = (int) ReferenceWalker.littleEndian(request, 8, 2);
        if ((request.flags() & 1) != 0) {
            stages.remove(requester);
        } else if ((request.flags() & 0x1_0000) != 0) {
            stages.put(requester, new Stage(0, -1, 2, 0));
        } else {
            int width = ((int) ReferenceWalker.littleEndian(request, 12, 4) - 30) / 9;
            int type = (request.flags() & 0x2_0000) != 0 ? 1 : 0;
            stages.put(requester, new Stage(ReferenceWalker.littleEndian(request, 0, 8) & PAGE_MASK, width, type, 0));
        }
    }

    @Override
    public boolean translate(DmaAccess access) {
        // Protected ranges are not modelled here.
        boolean protects = (port.readRegister(PMEN, Integer.BYTES) >>> 31 & 1) != 0;
        boolean enabled = (port.readRegister(GSTS, Integer.BYTES) >>> 31 & 1) != 0;
        return (enabled ? remap(access) : bypass(access)) && !protects;
    }

    /** Translation is off: device TLBs are not served, everything else goes through. */
    private static boolean bypass(DmaAccess access) {
        if (access.addressType() == DmaAccess.AddressType.UNTRANSLATED) {
            return pass(access);
        }
        access.blocked();
        return true;
    }

    private boolean remap(DmaAccess access) {
        int requester = access.requester();
        long iova = access.iova();
        if (requester < 0 || requester > 0xffff) {
            access.blocked();
            return true;
        }
        boolean pasid = access.pasid() != DmaAccess.NO_PASID;
        boolean translated = access.addressType() == DmaAccess.AddressType.TRANSLATED;
        if (translated && pasid) {
            access.blocked();
            // A unit that takes such requests says why it does not take this one.
            return (ecap & TRANSLATED_WITH_PASID) == 0;
        }
        if (!translated && !pasid && isInterrupt(iova)) {
            return interrupt(access);
        }
        long rootTable = driver ? port.readRegister(RTADDR, Long.BYTES) : root;
        if ((rootTable & 0xc00) != 0) {
            if ((ecap & (SCALABLE_MODE | ABORT_MODE)) == 0) {
                return fault(access, ROOT_INVALID);
            }
            return driver && (ecap & SCALABLE_MODE) != 0 && scalable.translate(access);
        }
        if (pasid) {
            return fault(access, WITH_PASID);
        }
        Context context = context(rootTable & PAGE_MASK, requester);
        Stage stage = context.stage;
        if (driver) {
            stage = stages.get(requester);
            if (stage == null) {
                return fault(access, context.stage == null ? context.fault : CONTEXT_NOT_PRESENT);
            }
        } else if (stage == null) {
            return fault(access, context.fault);
        } else if (stage.type != 2 && isSharedByAnotherTable(rootTable & PAGE_MASK, stage)) {
            // Two tables under one domain id are software's error: either may answer.
            return false;
        }
        return translate(access, stage);
    }

    private static boolean isInterrupt(long address) {
        return address >>> 20 == 0xfee;
    }

    /** A request to the interrupt range without PASID, VT-d 3.15. */
    private static boolean interrupt(DmaAccess access) {
        boolean request = access.rights() == DmaAccess.WRITE && access.lengthBytes() == 4 && access.iova() % 4 == 0;
        boolean zeroLengthRead = (access.rights() & DmaAccess.WRITE) == 0 && access.lengthBytes() == 0;
        boolean passes = request || zeroLengthRead || access.addressType() == DmaAccess.AddressType.TRANSLATION_REQUEST;
        return passes ? pass(access) : fault(access, INTERRUPT_BLOCKED);
    }

    private boolean translate(DmaAccess access, Stage stage) {
        long iova = access.iova();
        if (stage.type != 1 && access.addressType() != DmaAccess.AddressType.UNTRANSLATED) {
            return fault(access, TYPE_BLOCKED);
        }
        if (stage.type == 2 || access.addressType() == DmaAccess.AddressType.TRANSLATED) {
            if (iova >>> hostBits != 0) {
                return fault(access, BEYOND_WIDTH);
            }
            return isInterrupt(iova) ? fault(access, INTERRUPT_OUTPUT) : pass(access);
        }
        int widest = (int) (cap >>> 16 & 0x3f) + 1;
        int bits = Math.min(30 + 9 * stage.width, widest);
        if (iova >>> bits != 0) {
            return fault(access, BEYOND_WIDTH);
        }
        return walk(access, stage.table, stage.width + 2);
    }

    /** Reads root and context entry of a device. */
    private Context context(long rootTable, int requester) {
        long rootLow;
        long rootHigh;
        try {
            rootLow = memory.readLongLe(rootTable + (requester >>> 8) * 16L);
            rootHigh = memory.readLongLe(rootTable + (requester >>> 8) * 16L + 8);
        } catch (BusErrorException e) {
            return Context.fault(ROOT_ACCESS);
        }
        if ((rootLow & 1) == 0) {
            return Context.fault(ROOT_NOT_PRESENT);
        }
        if ((rootLow & 0xffe) != 0 || isBeyondHost(rootLow) || rootHigh != 0) {
            return Context.fault(ROOT_RESERVED);
        }
        long low;
        long high;
        try {
            low = memory.readLongLe((rootLow & PAGE_MASK) + (requester & 0xff) * 16L);
            high = memory.readLongLe((rootLow & PAGE_MASK) + (requester & 0xff) * 16L + 8);
        } catch (BusErrorException e) {
            return Context.fault(CONTEXT_ACCESS);
        }
        if ((low & 1) == 0) {
            return Context.fault(CONTEXT_NOT_PRESENT);
        }
        int domainBits = 4 + 2 * (int) (cap & 7);
        int domain = (int) (high >>> 8 & 0xffff);
        int type = (int) (low >>> 2 & 3);
        if ((low & 0xff0) != 0
                || (type != 2 && isBeyondHost(low))
                || (high & 0xffff_ffff_ff00_0080L) != 0
                || domain >>> domainBits != 0) {
            return Context.fault(CONTEXT_RESERVED);
        }
        int width = (int) (high & 7);
        boolean legal = width >= 1
                && width <= 3
                && (cap >>> (8 + width) & 1) != 0
                && (type == 0 || (type == 1 && (ecap >>> 2 & 1) != 0) || (type == 2 && (ecap >>> 6 & 1) != 0));
        return legal ? new Context(new Stage(low & PAGE_MASK, width, type, domain), 0) : Context.fault(CONTEXT_INVALID);
    }

    private boolean isBeyondHost(long entry) {
        return entry >>> hostBits != 0;
    }

    /** True if another device's context entry names the same domain, but another table. */
    private boolean isSharedByAnotherTable(long rootTable, Stage stage) {
        for (int bus = 0; bus < 256; bus++) {
            boolean present;
            try {
                present = (memory.readLongLe(rootTable + bus * 16L) & 1) != 0;
            } catch (BusErrorException e) {
                present = false;
            }
            for (int devfn = 0; present && devfn < 256; devfn++) {
                Stage other = context(rootTable, bus << 8 | devfn).stage;
                if (other != null
                        && other.type != 2
                        && other.domain == stage.domain
                        && (other.table != stage.table || other.width != stage.width)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** The second-stage walk: rights, then reserved bits, level by level. */
    private boolean walk(DmaAccess access, long table, int levels) {
        boolean write = (access.rights() & DmaAccess.WRITE) != 0;
        boolean read = write ? (access.rights() & DmaAccess.READ) != 0 : true;
        boolean either = !write && access.lengthBytes() == 0 && (cap >>> 22 & 1) != 0;
        boolean mayRead = true;
        boolean mayWrite = true;
        long at = table;
        for (int level = levels; ; level--) {
            int shift = 12 + 9 * (level - 1);
            long entry;
            try {
                entry = guestTables.readLongLe(at + (access.iova() >>> shift & 0x1ff) * 8);
            } catch (BusErrorException e) {
                return fault(access, level == levels ? CONTEXT_INVALID : PAGING_ACCESS);
            }
            mayRead &= (entry & 1) != 0;
            mayWrite &= (entry & 2) != 0;
            if (either ? !mayRead && !mayWrite : (write && !mayWrite) || (read && !mayRead)) {
                // An access that lacks both rights may be told of either: which one a unit sees first is its own
                // business.
                boolean lacksBoth = write && read && !mayRead && !mayWrite(access, table, levels);
                return fault(access, !either && write && !mayWrite ? NO_WRITE : NO_READ) && !lacksBoth;
            }
            boolean superpage =
                    (entry & 0x80) != 0 && (level == 2 || level == 3) && (cap >>> (34 + level - 2) & 1) != 0;
            boolean leaf = level == 1 || superpage;
            if (hasReservedBits(entry, leaf, shift)) {
                return fault(access, PAGING_RESERVED);
            }
            long address = entry & 0x000f_ffff_ffff_f000L;
            if (!leaf) {
                at = address;
                continue;
            }
            long bytes = 1L << shift;
            long output = address + (access.iova() & (bytes - 1));
            boolean whole = access.addressType() == DmaAccess.AddressType.TRANSLATION_REQUEST;
            boolean overlaps = address <= 0xfeef_ffffL && address + bytes > 0xfee0_0000L;
            if (whole ? overlaps : isInterrupt(output)) {
                return fault(access, INTERRUPT_OUTPUT);
            }
            access.translated(output, bytes, 0, false);
            return true;
        }
    }

    /** True if every entry of the walk that can be read has the write right. */
    private boolean mayWrite(DmaAccess access, long table, int levels) {
        long at = table;
        for (int level = levels; level >= 1; level--) {
            int shift = 12 + 9 * (level - 1);
            long entry;
            try {
                entry = guestTables.readLongLe(at + (access.iova() >>> shift & 0x1ff) * 8);
            } catch (BusErrorException e) {
                return true;
            }
            if ((entry & 2) == 0) {
                return false;
            }
            if ((entry & 0x80) != 0) {
                return true;
            }
            at = entry & 0x000f_ffff_ffff_f000L;
        }
        return true;
    }

    private boolean hasReservedBits(long entry, boolean leaf, int shift) {
        boolean beyondHost = hostBits < 52 && (entry & 0x000f_ffff_ffff_ffffL) >>> hostBits != 0;
        boolean snoop = (entry & 0x800) != 0;
        boolean bit62 = (entry >>> 62 & 1) != 0;
        if (!leaf) {
            return beyondHost || snoop || bit62 || (entry & 0x80) != 0;
        }
        return beyondHost
                || bit62
                || (snoop && (ecap >>> 7 & 1) == 0)
                || (entry & 0x000f_ffff_ffff_f000L & (1L << shift) - 1) != 0;
    }

    private static boolean fault(DmaAccess access, int code) {
        access.fault(code, false);
        return true;
    }

    private static boolean pass(DmaAccess access) {
        access.translated(access.iova(), 0, DmaAccess.READ | DmaAccess.WRITE, false);
        return true;
    }
}
