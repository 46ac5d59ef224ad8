package org.iommu4j.intel.translate;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.invalidate.InvalidatePart;
import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.GuestCommands;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.PasidCacheInvalidate;
import org.iommu4j.intel.command.PasidDeviceTlbInvalidate;
import org.iommu4j.intel.command.PasidIotlbInvalidate;
import org.iommu4j.intel.command.RegisterImage;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.layout.BitField;

/**
 * Reads the vendor part of an invalidation, {@code struct intel_iommu_invalidate_data}, and checks it in this order: it is
 * a command that a guest may send (unknown EINVAL, the host's EPERM); no reserved bit or value (V34, EINVAL); nothing of
 * the host's (V36, EPERM); a legal address mask (V34); it agrees with the generic fields (V35, EINVAL). Reused by its
 * owner; allocates nothing.
 */
final class VendorPart {
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** Largest address mask that any command may name. */
    private static final int MAX_ORDER = 51;

    private static final String OTHER_RANGE =
            "the descriptor's range is not the generic one, rounded to a power of two";

    private final int subVersion;

    /** The form in which a client of the generation selects pages: a descriptor, or an image of the registers. */
    private final InvalidatePart pages;

    private final BitField granularity;
    private final BitField[] ownedByHost;
    private final InvalidatePart device;

    // Of scalable mode; null before.
    private final InvalidatePart pasidPages;
    private final InvalidatePart pasidCache;
    private final InvalidatePart pasidDevice;

    /** The type of the descriptor that was read last. */
    private int type;

    VendorPart(int subVersion) {
        this.subVersion = subVersion;
        boolean image = subVersion == VtdGeneration.LEGACY_REG;
        boolean scalable = VtdGeneration.isScalable(subVersion);
        int generation = image ? VtdGeneration.LEGACY_QI : subVersion;
        pages = new InvalidatePart(image ? RegisterImage.LAYOUT : IotlbInvalidate.LAYOUT, generation);
        device = new InvalidatePart(DeviceTlbInvalidate.LAYOUT, generation);
        pasidPages = scalable ? new InvalidatePart(PasidIotlbInvalidate.LAYOUT, generation) : null;
        pasidCache = scalable ? new InvalidatePart(PasidCacheInvalidate.LAYOUT, generation) : null;
        pasidDevice = scalable ? new InvalidatePart(PasidDeviceTlbInvalidate.LAYOUT, generation) : null;
        granularity = image ? RegisterImage.IIRG : IotlbInvalidate.G;
        ownedByHost = image
                ? new BitField[] {RegisterImage.DID, RegisterImage.DW, RegisterImage.DR}
                : new BitField[] {IotlbInvalidate.DID, IotlbInvalidate.DW, IotlbInvalidate.DR};
    }

    /** True if it asks for a device's own TLB only. */
    boolean deviceTlb() {
        return type == VtdCommand.TYPE_DEVICE_TLB || type == VtdCommand.TYPE_PASID_DEVICE_TLB;
    }

    /** True if it asks for the PASID cache only. */
    boolean pasidCache() {
        return type == VtdCommand.TYPE_PASID_CACHE;
    }

    /** The guest's requester id, if {@link #deviceTlb}. */
    int sourceId() {
        return type == VtdCommand.TYPE_DEVICE_TLB
                ? device.getInt(DeviceTlbInvalidate.SID)
                : pasidDevice.getInt(PasidDeviceTlbInvalidate.SID);
    }

    /** True if it asks for what a device's own TLB has of requests with PASID. */
    boolean pasidDeviceTlb() {
        return type == VtdCommand.TYPE_PASID_DEVICE_TLB;
    }

    /** Refuses the request for the requester id, if {@link #deviceTlb}; returns the negative errno. */
    int refuseSourceId(Completion completion) {
        return type == VtdCommand.TYPE_DEVICE_TLB
                ? device.refuse(Rule.V36, Errno.ENODEV, DeviceTlbInvalidate.SID, Answers.NOT_ATTACHED, completion)
                : pasidDevice.refuse(
                        Rule.V36, Errno.ENODEV, PasidDeviceTlbInvalidate.SID, Answers.NOT_ATTACHED, completion);
    }

    /**
     * Reads and checks the vendor part of a request that has one.
     *
     * @return 0, or a negative errno with {@code completion} filled
     */
    int read(InvalidateRequest request, Completion completion) {
        type = VtdCommand.TYPE_IOTLB;
        if (subVersion == VtdGeneration.LEGACY_REG) {
            return readPages(request, completion);
        }
        type = VtdCommand.typeOf((long) WORD.get(request.payload(), request.payloadOffset()), subVersion);
        boolean scalable = pasidPages != null;
        return switch (type) {
            case VtdCommand.TYPE_IOTLB -> readPages(request, completion);
            case VtdCommand.TYPE_DEVICE_TLB -> readDeviceTlb(request, completion);
            case VtdCommand.TYPE_PASID_IOTLB ->
                scalable ? readPasidPages(request, completion) : GuestCommands.refuse(type, completion);
            case VtdCommand.TYPE_PASID_CACHE ->
                scalable ? readPasidCache(request, completion) : GuestCommands.refuse(type, completion);
            case VtdCommand.TYPE_PASID_DEVICE_TLB ->
                scalable ? readPasidDeviceTlb(request, completion) : GuestCommands.refuse(type, completion);
            default -> GuestCommands.refuse(type, completion);
        };
    }

    private int readPages(InvalidateRequest request, Completion completion) {
        int wrong = pages.read(request, completion);
        if (wrong != 0) {
            return wrong;
        }
        int selected = pages.getInt(granularity);
        if (selected == 0) {
            return pages.refuse(Rule.V34, granularity, "reserved granularity", completion);
        }
        for (int i = 0; i < ownedByHost.length; i++) {
            wrong = ownedByHost(pages, ownedByHost[i], completion);
            if (wrong != 0) {
                return wrong;
            }
        }
        if (selected == IotlbInvalidate.GLOBAL) {
            return pages.refuse(Rule.V36, granularity, "a guest may not drop what others have cached", completion);
        }
        return selected == IotlbInvalidate.DOMAIN ? checkDomain(request, completion) : checkRange(request, completion);
    }

    private int checkDomain(InvalidateRequest request, Completion completion) {
        if (request.selectsRange() || request.selectsPasid()) {
            return pages.refuse(
                    Rule.V35,
                    granularity,
                    "the descriptor names the whole domain, the generic part less than that",
                    completion);
        }
        return pages.word(1) == 0
                ? 0
                : refuseWord(
                        pages,
                        IotlbInvalidate.ADDR,
                        "the descriptor names the whole domain, but an address too",
                        completion);
    }

    /** Size, hint and address stand at the same places in both forms. */
    private int checkRange(InvalidateRequest request, Completion completion) {
        if (request.selectsPasid()) {
            return pages.refuse(
                    Rule.V35, granularity, "the descriptor names every PASID, the generic part one", completion);
        }
        return checkRange(pages, request, completion);
    }

    private int checkRange(InvalidatePart pages, InvalidateRequest request, Completion completion) {
        int order = pages.getInt(IotlbInvalidate.AM);
        long address = pages.get(IotlbInvalidate.ADDR);
        if (order > MAX_ORDER) {
            return pages.refuse(Rule.V34, IotlbInvalidate.AM, "the address mask exceeds 51", completion);
        }
        if ((address & ((1L << (order + 12)) - 1)) != 0) {
            return pages.refuse(Rule.V34, IotlbInvalidate.ADDR, "the address is not aligned to its mask", completion);
        }
        if (!request.selectsRange()
                || order != RangeCover.orderOfOne(request.vaddr(), request.lastVaddr())
                || address != RangeCover.baseOfOne(request.vaddr(), request.lastVaddr())) {
            return refuseWord(pages, IotlbInvalidate.ADDR, OTHER_RANGE, completion);
        }
        return pages.isSet(IotlbInvalidate.IH) == request.leafOnly()
                ? 0
                : pages.refuse(Rule.V35, IotlbInvalidate.IH, "IH is not the generic LEAF flag", completion);
    }

    private int readDeviceTlb(InvalidateRequest request, Completion completion) {
        int wrong = device.read(request, completion);
        wrong = wrong != 0 ? wrong : ownedByHost(device, DeviceTlbInvalidate.MIP, completion);
        if (wrong != 0) {
            return wrong;
        }
        long high = device.word(1);
        if (request.selectsPasid()) {
            return device.refuse(
                    Rule.V35, DeviceTlbInvalidate.TYPE, "a command without PASID, but scope PASID", completion);
        }
        return isRange(request, high) ? 0 : refuseWord(device, DeviceTlbInvalidate.ADDR, OTHER_RANGE, completion);
    }

    /** True if an address with its size, as type 3 has it, is the generic range. */
    private static boolean isRange(InvalidateRequest request, long range) {
        return request.selectsRange()
                ? DeviceTlbInvalidate.pagesShift(range) == RangeCover.orderOfOne(request.vaddr(), request.lastVaddr())
                        && DeviceTlbInvalidate.firstAddress(range)
                                == RangeCover.baseOfOne(request.vaddr(), request.lastVaddr())
                : DeviceTlbInvalidate.isAll(range);
    }

    // ---- scalable mode

    private int readPasidPages(InvalidateRequest request, Completion completion) {
        InvalidatePart part = pasidPages;
        int wrong = part.read(request, completion);
        if (wrong != 0) {
            return wrong;
        }
        int selected = part.getInt(PasidIotlbInvalidate.G);
        if (selected != PasidIotlbInvalidate.ONE_PASID && selected != PasidIotlbInvalidate.PAGE) {
            return part.refuse(Rule.V34, PasidIotlbInvalidate.G, "reserved granularity", completion);
        }
        wrong = ownedByHost(part, PasidIotlbInvalidate.DID, completion);
        wrong = wrong != 0 ? wrong : checkPasid(part, PasidIotlbInvalidate.PASID, request, completion);
        if (wrong != 0) {
            return wrong;
        }
        if (selected == PasidIotlbInvalidate.PAGE) {
            return checkRange(part, request, completion);
        }
        return request.selectsRange() || part.word(1) != 0
                ? part.refuse(
                        Rule.V35,
                        PasidIotlbInvalidate.G,
                        "the descriptor names a whole PASID: there is a range, or an address",
                        completion)
                : 0;
    }

    private int readPasidCache(InvalidateRequest request, Completion completion) {
        InvalidatePart part = pasidCache;
        int wrong = part.read(request, completion);
        if (wrong != 0) {
            return wrong;
        }
        int selected = part.getInt(PasidCacheInvalidate.G);
        if (selected != PasidCacheInvalidate.DOMAIN
                && selected != PasidCacheInvalidate.ONE_PASID
                && selected != PasidCacheInvalidate.GLOBAL) {
            return part.refuse(Rule.V34, PasidCacheInvalidate.G, "reserved granularity", completion);
        }
        wrong = ownedByHost(part, PasidCacheInvalidate.DID, completion);
        if (wrong != 0) {
            return wrong;
        }
        if (selected == PasidCacheInvalidate.GLOBAL) {
            return part.refuse(
                    Rule.V36, PasidCacheInvalidate.G, "a guest may not drop what others have cached", completion);
        }
        if (request.selectsRange()) {
            return part.refuse(
                    Rule.V35, PasidCacheInvalidate.G, "the PASID cache has no addresses, but a range", completion);
        }
        if (selected == PasidCacheInvalidate.ONE_PASID) {
            return checkPasid(part, PasidCacheInvalidate.PASID, request, completion);
        }
        return request.selectsPasid() || request.noPasid()
                ? part.refuse(
                        Rule.V35,
                        PasidCacheInvalidate.G,
                        "the descriptor names every PASID, the generic part less than that",
                        completion)
                : 0;
    }

    private int readPasidDeviceTlb(InvalidateRequest request, Completion completion) {
        InvalidatePart part = pasidDevice;
        int wrong = part.read(request, completion);
        wrong = wrong != 0 ? wrong : ownedByHost(part, PasidDeviceTlbInvalidate.MIP, completion);
        if (wrong != 0) {
            return wrong;
        }
        if (!part.isSet(PasidDeviceTlbInvalidate.GI)) {
            wrong = checkPasid(part, PasidDeviceTlbInvalidate.PASID, request, completion);
        } else if (request.selectsPasid() || request.noPasid()) {
            wrong = part.refuse(
                    Rule.V35,
                    PasidDeviceTlbInvalidate.GI,
                    "the descriptor names every PASID, the generic part less than that",
                    completion);
        }
        if (wrong != 0) {
            return wrong;
        }
        return isRange(request, PasidDeviceTlbInvalidate.range(part.word(1)))
                ? 0
                : refuseWord(part, PasidDeviceTlbInvalidate.ADDR, OTHER_RANGE, completion);
    }

    /** A descriptor of one PASID: that of the generic part, or 0 for requests without one. */
    private static int checkPasid(
            InvalidatePart part, BitField pasid, InvalidateRequest request, Completion completion) {
        boolean agrees = request.selectsPasid()
                ? part.getInt(pasid) == request.pasid()
                : request.noPasid() && part.getInt(pasid) == Device.NO_PASID;
        return agrees
                ? 0
                : part.refuse(Rule.V35, pasid, "the descriptor names another PASID than the generic part", completion);
    }

    private static int ownedByHost(InvalidatePart part, BitField field, Completion completion) {
        return part.isSet(field) ? part.refuse(Rule.V36, field, "the host fills this field in", completion) : 0;
    }

    /** Refuses an address with its size: the value is the whole word. */
    private static int refuseWord(InvalidatePart part, BitField address, String why, Completion completion) {
        return part.refuse(Rule.V35, Rule.V35.errno(), address, part.word(address.word()), why, completion);
    }
}
