package org.iommu4j.intel.translate;

import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.invalidate.InvalidatePart;
import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.GuestCommands;
import org.iommu4j.intel.command.IotlbInvalidate;
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
    /** Largest address mask that any command may name. */
    private static final int MAX_ORDER = 51;

    private static final String OTHER_RANGE =
            "the descriptor's range is not the generic one, rounded to a power of two";

    private final int subVersion;

    /** The form in which a client of the generation selects pages: a descriptor, or an image of the registers. */
    private final InvalidatePart pages;

    private final BitField granularity;
    private final BitField[] ownedByHost;
    private final InvalidatePart device = new InvalidatePart(DeviceTlbInvalidate.LAYOUT, VtdGeneration.LEGACY_QI);
    private boolean deviceTlb;

    VendorPart(int subVersion) {
        this.subVersion = subVersion;
        boolean image = subVersion == VtdGeneration.LEGACY_REG;
        pages = new InvalidatePart(image ? RegisterImage.LAYOUT : IotlbInvalidate.LAYOUT, VtdGeneration.LEGACY_QI);
        granularity = image ? RegisterImage.IIRG : IotlbInvalidate.G;
        ownedByHost = image
                ? new BitField[] {RegisterImage.DID, RegisterImage.DW, RegisterImage.DR}
                : new BitField[] {IotlbInvalidate.DID, IotlbInvalidate.DW, IotlbInvalidate.DR};
    }

    /** True if it asks for a device's own TLB only. */
    boolean deviceTlb() {
        return deviceTlb;
    }

    /** The guest's requester id, if {@link #deviceTlb}. */
    int sourceId() {
        return device.getInt(DeviceTlbInvalidate.SID);
    }

    /**
     * Reads and checks the vendor part of a request that has one.
     *
     * @return 0, or a negative errno with {@code completion} filled
     */
    int read(InvalidateRequest request, Completion completion) {
        deviceTlb = false;
        if (subVersion == VtdGeneration.LEGACY_REG) {
            return readPages(request, completion);
        }
        long low = IotlbInvalidate.LAYOUT.word(request.payload(), request.payloadOffset(), 0);
        int type = VtdCommand.typeOf(low, subVersion);
        if (type == VtdCommand.TYPE_IOTLB) {
            return readPages(request, completion);
        }
        if (type == VtdCommand.TYPE_DEVICE_TLB) {
            return readDeviceTlb(request, completion);
        }
        boolean hosts = GuestCommands.isHostOwned(type);
        return completion.refuse(
                hosts ? Rule.V36 : Rule.V34,
                (hosts ? Rule.V36 : Rule.V34).errno(),
                IotlbInvalidate.LAYOUT,
                IotlbInvalidate.TYPE,
                type,
                hosts ? "this command is the host's, never a guest's" : "no command of this generation has that type");
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
        if (request.selectsRange()) {
            return pages.refuse(
                    Rule.V35,
                    granularity,
                    "the descriptor names the whole domain, the generic part a range",
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
        boolean agrees = request.selectsRange()
                ? DeviceTlbInvalidate.pagesShift(high) == RangeCover.orderOfOne(request.vaddr(), request.lastVaddr())
                        && DeviceTlbInvalidate.firstAddress(high)
                                == RangeCover.baseOfOne(request.vaddr(), request.lastVaddr())
                : DeviceTlbInvalidate.isAll(high);
        deviceTlb = agrees;
        return agrees ? 0 : refuseWord(device, DeviceTlbInvalidate.ADDR, OTHER_RANGE, completion);
    }

    private static int ownedByHost(InvalidatePart part, BitField field, Completion completion) {
        return part.isSet(field) ? part.refuse(Rule.V36, field, "the host fills this field in", completion) : 0;
    }

    /** Refuses an address with its size: the value is the whole word. */
    private static int refuseWord(InvalidatePart part, BitField address, String why, Completion completion) {
        return part.refuse(Rule.V35, Rule.V35.errno(), address, part.word(address.word()), why, completion);
    }
}
