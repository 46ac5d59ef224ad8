package org.iommu4j.amd.translate;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.GuestCommands;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Reads the vendor part of an invalidation, one command of the guest, and checks it in the order of docs/spec/amd-vi.md 5.5: it is a
 * command that a guest may send (unknown EINVAL, the host's EPERM); no reserved bit or code of the guest's generation (V34); nothing
 * of the host's (V36); it agrees with the generic fields (V35). Reused by its owner; allocates nothing.
 */
final class VendorPart {
    private static final int NO_PASID = QueueCommands.NO_PASID;
    private static final int PAGE_SHIFT = SizeEncoding.PAGE_SHIFT;

    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final boolean namesDomains;
    private final long[] pagesReserved;
    private final long[] iotlbReserved;

    private Layout layout = InvalidateIommuPages.LAYOUT;
    private boolean deviceTlb;
    private int deviceId;
    private int domain;
    private int pasid;
    private int type;

    VendorPart(int subVersion) {
        namesDomains = GuestCommands.nameDomains(subVersion);
        pagesReserved = GuestCommands.reserved(InvalidateIommuPages.LAYOUT, subVersion);
        iotlbReserved = GuestCommands.reserved(InvalidateIotlbPages.LAYOUT, subVersion);
    }

    /** True if it asks for a device's own TLB only. */
    boolean deviceTlb() {
        return deviceTlb;
    }

    /** The guest's DeviceID, if {@link #deviceTlb}. */
    int deviceId() {
        return deviceId;
    }

    /** The guest's domain id; 0 in generations whose guests name none. */
    int domain() {
        return domain;
    }

    /** The PASID, or {@link QueueCommands#NO_PASID}. */
    int pasid() {
        return pasid;
    }

    /** How the device flushes, if {@link #deviceTlb}. */
    int type() {
        return type;
    }

    /**
     * Reads and checks the vendor part of a request that has one.
     *
     * @return 0, or a negative errno with {@code completion} filled
     */
    int read(Domain of, InvalidateRequest request, Completion completion) {
        long word0 = (long) WORD.get(request.payload(), request.payloadOffset());
        long word1 = (long) WORD.get(request.payload(), request.payloadOffset() + Long.BYTES);
        int opcode = AmdViCommand.opcodeOf(word0);
        layout = InvalidateIommuPages.LAYOUT;
        return switch (opcode) {
            case AmdViCommand.OP_IOMMU_PAGES -> readPages(of, word0, word1, request, completion);
            case AmdViCommand.OP_IOTLB_PAGES -> readDeviceTlb(of, word0, word1, request, completion);
            default -> refuseOpcode(opcode, completion);
        };
    }

    private int refuseOpcode(int opcode, Completion completion) {
        AmdViCommand command = AmdViCommand.of(opcode);
        layout = command == null ? CompletionWait.LAYOUT : command.layout();
        return command == null
                ? refuse(Rule.V34, CompletionWait.OPCODE, opcode, "no command has that opcode", completion)
                : refuse(
                        Rule.V36,
                        CompletionWait.OPCODE,
                        opcode,
                        "this command is the host's, never a guest's",
                        completion);
    }

    private int readPages(Domain of, long word0, long word1, InvalidateRequest request, Completion completion) {
        int wrong = reservedBits(word0 & pagesReserved[0], word1 & pagesReserved[1], completion);
        if (wrong != 0) {
            return wrong;
        }
        if (!namesDomains && InvalidateIommuPages.DOMAIN_ID.isSet(word0)) {
            return hostOwned(InvalidateIommuPages.DOMAIN_ID, word0, completion);
        }
        boolean guest = InvalidateIommuPages.GN.isSet(word1);
        if (!guest && InvalidateIommuPages.PASID.isSet(word0)) {
            return refuse(
                    Rule.V35,
                    InvalidateIommuPages.PASID,
                    InvalidateIommuPages.PASID.get(word0),
                    "a PASID without GN",
                    completion);
        }
        deviceTlb = false;
        domain = InvalidateIommuPages.DOMAIN_ID.getInt(word0);
        pasid = guest ? InvalidateIommuPages.PASID.getInt(word0) : NO_PASID;
        wrong = context(of, InvalidateIommuPages.GN, request, completion);
        if (wrong != 0) {
            return wrong;
        }
        if (request.selectsRange() && InvalidateIommuPages.PDE.isSet(word1) == request.leafOnly()) {
            return refuse(
                    Rule.V35,
                    InvalidateIommuPages.PDE,
                    InvalidateIommuPages.PDE.get(word1),
                    "PDE is not the opposite of the generic LEAF flag",
                    completion);
        }
        return range(InvalidateIommuPages.S, InvalidateIommuPages.ADDRESS, word1, request, completion);
    }

    private int readDeviceTlb(Domain of, long word0, long word1, InvalidateRequest request, Completion completion) {
        layout = InvalidateIotlbPages.LAYOUT;
        int wrong = reservedBits(word0 & iotlbReserved[0], word1 & iotlbReserved[1], completion);
        if (wrong != 0) {
            return wrong;
        }
        type = InvalidateIotlbPages.TYPE.getInt(word1);
        if (InvalidateIotlbPages.TYPE.isReservedValue(type)) {
            return refuse(Rule.V34, InvalidateIotlbPages.TYPE, type, "reserved type", completion);
        }
        if (InvalidateIotlbPages.QUEUE_ID.isSet(word0)) {
            return hostOwned(InvalidateIotlbPages.QUEUE_ID, word0, completion);
        }
        if (InvalidateIotlbPages.MAXPEND.isSet(word0)) {
            return hostOwned(InvalidateIotlbPages.MAXPEND, word0, completion);
        }
        boolean guest = InvalidateIotlbPages.GN.isSet(word1);
        if (!guest && InvalidateIotlbPages.pasid(word0) != 0) {
            return refuse(Rule.V35, InvalidateIotlbPages.GN, 0, "a PASID without GN", completion);
        }
        deviceTlb = true;
        deviceId = InvalidateIotlbPages.DEVICE_ID.getInt(word0);
        domain = 0;
        pasid = guest ? InvalidateIotlbPages.pasid(word0) : NO_PASID;
        wrong = context(of, InvalidateIotlbPages.GN, request, completion);
        return wrong != 0
                ? wrong
                : range(InvalidateIotlbPages.S, InvalidateIotlbPages.ADDRESS, word1, request, completion);
    }

    /** The command names one context: that of the generic part. */
    private int context(Domain of, BitField gn, InvalidateRequest request, Completion completion) {
        boolean agrees = request.selectsPasid()
                ? pasid == request.pasid()
                : pasid == NO_PASID ? request.noPasid() || !of.hasGuest() : pasid == 0 && request.noPasid();
        return agrees
                ? 0
                : refuse(
                        Rule.V35,
                        gn,
                        pasid == NO_PASID ? 0 : 1,
                        "the command names other PASIDs than the generic part",
                        completion);
    }

    private int range(BitField size, BitField address, long word1, InvalidateRequest request, Completion completion) {
        int shift = size.isSet(word1) ? SizeEncoding.shift(address.get(word1)) : PAGE_SHIFT;
        boolean agrees = request.selectsRange()
                ? shift == PAGE_SHIFT + RangeCover.orderOfOne(request.vaddr(), request.lastVaddr())
                        && SizeEncoding.base(address.get(word1), shift)
                                == RangeCover.baseOfOne(request.vaddr(), request.lastVaddr())
                : shift == SizeEncoding.ALL;
        return agrees
                ? 0
                : refuse(
                        Rule.V35,
                        address,
                        address.get(word1),
                        "the command's range is not the generic one, rounded to a power of two",
                        completion);
    }

    private int reservedBits(long wrong0, long wrong1, Completion completion) {
        if (wrong0 != 0) {
            return completion.refuseReserved(layout, 0, wrong0);
        }
        return wrong1 != 0 ? completion.refuseReserved(layout, 1, wrong1) : 0;
    }

    private int hostOwned(BitField field, long word, Completion completion) {
        return refuse(Rule.V36, field, field.get(word), "the host fills this field in", completion);
    }

    private int refuse(Rule rule, BitField field, long value, String why, Completion completion) {
        return completion.refuse(rule, rule.errno(), layout, field, value, why);
    }
}
