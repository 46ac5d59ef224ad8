package org.iommu4j.intel.translate;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.GuestCommands;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.RegisterImage;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Reads the vendor part of an invalidation, {@code struct intel_iommu_invalidate_data}, and checks it in this order: it is
 * a command that a guest may send (unknown EINVAL, the host's EPERM); no reserved bit or value (V34, EINVAL); nothing of
 * the host's (V36, EPERM); a legal address mask (V34); it agrees with the generic fields (V35, EINVAL). Reused by its
 * owner; allocates nothing.
 */
final class VendorPart {
    /** Largest address mask that any command may name. */
    private static final int MAX_ORDER = 51;

    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final long IOTLB_RESERVED_LOW = reserved(IotlbInvalidate.LAYOUT, 0);
    private static final long IOTLB_RESERVED_HIGH = reserved(IotlbInvalidate.LAYOUT, 1);
    private static final long DEVICE_RESERVED_LOW = reserved(DeviceTlbInvalidate.LAYOUT, 0);
    private static final long DEVICE_RESERVED_HIGH = reserved(DeviceTlbInvalidate.LAYOUT, 1);
    private static final long IMAGE_RESERVED_LOW = reserved(RegisterImage.LAYOUT, 0);
    private static final long IMAGE_RESERVED_HIGH = reserved(RegisterImage.LAYOUT, 1);

    private final int subVersion;
    private Layout layout = IotlbInvalidate.LAYOUT;
    private boolean deviceTlb;
    private int sourceId;

    VendorPart(int subVersion) {
        this.subVersion = subVersion;
    }

    /** True if it asks for a device's own TLB only. */
    boolean deviceTlb() {
        return deviceTlb;
    }

    /** The guest's requester id, if {@link #deviceTlb}. */
    int sourceId() {
        return sourceId;
    }

    /**
     * Reads and checks the vendor part of a request that has one.
     *
     * @return 0, or a negative errno with {@code completion} filled
     */
    int read(InvalidateRequest request, Completion completion) {
        long low = (long) WORD.get(request.payload(), request.payloadOffset());
        long high = (long) WORD.get(request.payload(), request.payloadOffset() + Long.BYTES);
        deviceTlb = false;
        layout = subVersion == VtdGeneration.LEGACY_REG ? RegisterImage.LAYOUT : IotlbInvalidate.LAYOUT;
        if (subVersion == VtdGeneration.LEGACY_REG) {
            return readImage(low, high, request, completion);
        }
        int type = VtdCommand.typeOf(low, subVersion);
        if (type == VtdCommand.TYPE_IOTLB) {
            return readIotlb(low, high, request, completion);
        }
        if (type == VtdCommand.TYPE_DEVICE_TLB) {
            return readDeviceTlb(low, high, request, completion);
        }
        return GuestCommands.isHostOwned(type)
                ? refuse(
                        completion, Rule.V36, IotlbInvalidate.TYPE, type, "this command is the host's, never a guest's")
                : refuse(
                        completion,
                        Rule.V34,
                        IotlbInvalidate.TYPE,
                        type,
                        "no command of this generation has that type");
    }

    private int readImage(long low, long high, InvalidateRequest request, Completion completion) {
        int wrong = reservedBits(completion, low & IMAGE_RESERVED_LOW, high & IMAGE_RESERVED_HIGH);
        if (wrong != 0) {
            return wrong;
        }
        int granularity = RegisterImage.IIRG.getInt(low);
        if (granularity == 0) {
            return refuse(completion, Rule.V34, RegisterImage.IIRG, 0, "reserved granularity");
        }
        wrong = hostOwned(completion, RegisterImage.DID, low);
        wrong = wrong != 0 ? wrong : hostOwned(completion, RegisterImage.DW, low);
        wrong = wrong != 0 ? wrong : hostOwned(completion, RegisterImage.DR, low);
        if (wrong != 0) {
            return wrong;
        }
        return checkPages(
                granularity,
                RegisterImage.IIRG,
                RegisterImage.AM.getInt(high),
                RegisterImage.IH.isSet(high),
                RegisterImage.ADDR.get(high),
                high,
                request,
                completion);
    }

    private int readIotlb(long low, long high, InvalidateRequest request, Completion completion) {
        int wrong = reservedBits(completion, low & IOTLB_RESERVED_LOW, high & IOTLB_RESERVED_HIGH);
        if (wrong != 0) {
            return wrong;
        }
        int granularity = IotlbInvalidate.G.getInt(low);
        if (granularity == 0) {
            return refuse(completion, Rule.V34, IotlbInvalidate.G, 0, "reserved granularity");
        }
        wrong = hostOwned(completion, IotlbInvalidate.DID, low);
        wrong = wrong != 0 ? wrong : hostOwned(completion, IotlbInvalidate.DW, low);
        wrong = wrong != 0 ? wrong : hostOwned(completion, IotlbInvalidate.DR, low);
        if (wrong != 0) {
            return wrong;
        }
        return checkPages(
                granularity,
                IotlbInvalidate.G,
                IotlbInvalidate.AM.getInt(high),
                IotlbInvalidate.IH.isSet(high),
                IotlbInvalidate.ADDR.get(high),
                high,
                request,
                completion);
    }

    private int readDeviceTlb(long low, long high, InvalidateRequest request, Completion completion) {
        layout = DeviceTlbInvalidate.LAYOUT;
        int wrong = reservedBits(completion, low & DEVICE_RESERVED_LOW, high & DEVICE_RESERVED_HIGH);
        wrong = wrong != 0 ? wrong : hostOwned(completion, DeviceTlbInvalidate.MIP, low);
        if (wrong != 0) {
            return wrong;
        }
        int order = DeviceTlbInvalidate.pagesShift(high);
        long first = DeviceTlbInvalidate.firstAddress(high);
        boolean agrees = request.selectsRange()
                ? order == RangeCover.orderOfOne(request.vaddr(), request.lastVaddr())
                        && first == RangeCover.baseOfOne(request.vaddr(), request.lastVaddr())
                : DeviceTlbInvalidate.isAll(high);
        if (!agrees) {
            return refuse(
                    completion,
                    Rule.V35,
                    DeviceTlbInvalidate.ADDR,
                    high,
                    "the descriptor's range is not the generic one, rounded to a power of two");
        }
        deviceTlb = true;
        sourceId = DeviceTlbInvalidate.SID.getInt(low);
        return 0;
    }

    private int checkPages(
            int granularity,
            BitField granularityField,
            int order,
            boolean leafOnly,
            long address,
            long high,
            InvalidateRequest request,
            Completion completion) {
        if (granularity == IotlbInvalidate.GLOBAL) {
            return refuse(
                    completion,
                    Rule.V36,
                    granularityField,
                    granularity,
                    "a guest may not drop what others have cached");
        }
        if (granularity == IotlbInvalidate.DOMAIN) {
            if (request.selectsRange()) {
                return refuse(
                        completion,
                        Rule.V35,
                        granularityField,
                        granularity,
                        "the descriptor names the whole domain, the generic part a range");
            }
            return high == 0
                    ? 0
                    : refuse(
                            completion,
                            Rule.V35,
                            IotlbInvalidate.ADDR,
                            high,
                            "the descriptor names the whole domain, but an address too");
        }
        if (order > MAX_ORDER) {
            return refuse(completion, Rule.V34, IotlbInvalidate.AM, order, "the address mask exceeds 51");
        }
        if ((address & ((1L << (order + 12)) - 1)) != 0) {
            return refuse(
                    completion, Rule.V34, IotlbInvalidate.ADDR, address, "the address is not aligned to its mask");
        }
        if (!request.selectsRange()
                || order != RangeCover.orderOfOne(request.vaddr(), request.lastVaddr())
                || address != RangeCover.baseOfOne(request.vaddr(), request.lastVaddr())) {
            return refuse(
                    completion,
                    Rule.V35,
                    IotlbInvalidate.ADDR,
                    high,
                    "the descriptor's range is not the generic one, rounded to a power of two");
        }
        if (leafOnly != request.leafOnly()) {
            return refuse(
                    completion, Rule.V35, IotlbInvalidate.IH, leafOnly ? 1 : 0, "IH is not the generic LEAF flag");
        }
        return 0;
    }

    private int reservedBits(Completion completion, long wrongLow, long wrongHigh) {
        if (wrongLow != 0) {
            return completion.refuseReserved(layout, 0, wrongLow);
        }
        return wrongHigh != 0 ? completion.refuseReserved(layout, 1, wrongHigh) : 0;
    }

    private int hostOwned(Completion completion, BitField field, long low) {
        return field.isSet(low)
                ? refuse(completion, Rule.V36, field, field.get(low), "the host fills this field in")
                : 0;
    }

    private int refuse(Completion completion, Rule rule, BitField field, long value, String why) {
        return completion.refuse(rule, rule.errno(), layout, field, value, why);
    }

    /** Reserved for a guest whatever the host's capabilities: DIT=0 and PDS=0. */
    private static long reserved(Layout layout, int word) {
        return layout.reservedMask(word, VtdGeneration.LEGACY_QI, capability -> false);
    }
}
