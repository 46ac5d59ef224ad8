package org.iommu4j.amd.translate;

import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.GuestCommands;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.invalidate.InvalidatePart;
import org.iommu4j.driver.range.RangeCover;

/**
 * Reads the vendor part of an invalidation, one command of the guest, and checks it in the order of docs/spec/amd-vi.md 5.5: it is a
 * command that a guest may send (unknown EINVAL, the host's EPERM); no reserved bit or code of the guest's generation (V34); nothing
 * of the host's (V36); it agrees with the generic fields (V35). Reused by its owner; allocates nothing.
 */
final class VendorPart {
    private static final int NO_PASID = QueueCommands.NO_PASID;
    private static final int PAGE_SHIFT = SizeEncoding.PAGE_SHIFT;
    private static final String OF_THE_HOST = "the host fills this field in";
    private static final String PASID_WITHOUT_GN = "a PASID without GN";
    private static final String OTHER_PASIDS = "the command names other PASIDs than the generic part";
    private static final String OTHER_RANGE = "the command's range is not the generic one, rounded to a power of two";

    private final boolean namesDomains;
    private final InvalidatePart pages;
    private final InvalidatePart deviceTlbs;

    private boolean deviceTlb;
    private int deviceId;
    private int domain;
    private int pasid;
    private int type;

    VendorPart(int subVersion) {
        namesDomains = GuestCommands.nameDomains(subVersion);
        pages = new InvalidatePart(
                InvalidateIommuPages.LAYOUT, subVersion, capability -> GuestCommands.know(subVersion, capability));
        deviceTlbs = new InvalidatePart(
                InvalidateIotlbPages.LAYOUT, subVersion, capability -> GuestCommands.know(subVersion, capability));
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
        // The opcode, which all commands have at one place, says which layout counts.
        pages.take(request);
        int opcode = pages.getInt(InvalidateIommuPages.OPCODE);
        return switch (opcode) {
            case AmdViCommand.OP_IOMMU_PAGES -> readPages(of, request, completion);
            case AmdViCommand.OP_IOTLB_PAGES -> readDeviceTlb(of, request, completion);
            default -> refuseOpcode(opcode, completion);
        };
    }

    private int refuseOpcode(int opcode, Completion completion) {
        AmdViCommand command = AmdViCommand.of(opcode);
        Rule rule = command == null ? Rule.V34 : Rule.V36;
        return completion.refuse(
                rule,
                rule.errno(),
                command == null ? CompletionWait.LAYOUT : command.layout(),
                CompletionWait.OPCODE,
                opcode,
                command == null ? "no command has that opcode" : "this command is the host's, never a guest's");
    }

    private int readPages(Domain of, InvalidateRequest request, Completion completion) {
        int wrong = pages.read(request, completion);
        if (wrong != 0) {
            return wrong;
        }
        if (!namesDomains && pages.isSet(InvalidateIommuPages.DOMAIN_ID)) {
            return pages.refuse(Rule.V36, InvalidateIommuPages.DOMAIN_ID, OF_THE_HOST, completion);
        }
        boolean guest = pages.isSet(InvalidateIommuPages.GN);
        if (!guest && pages.isSet(InvalidateIommuPages.PASID)) {
            return pages.refuse(Rule.V35, InvalidateIommuPages.PASID, PASID_WITHOUT_GN, completion);
        }
        deviceTlb = false;
        domain = pages.getInt(InvalidateIommuPages.DOMAIN_ID);
        pasid = guest ? pages.getInt(InvalidateIommuPages.PASID) : NO_PASID;
        if (!namesContext(of, request)) {
            return pages.refuse(Rule.V35, InvalidateIommuPages.GN, OTHER_PASIDS, completion);
        }
        if (request.selectsRange() && pages.isSet(InvalidateIommuPages.PDE) == request.leafOnly()) {
            return pages.refuse(
                    Rule.V35, InvalidateIommuPages.PDE, "PDE is not the opposite of the generic LEAF flag", completion);
        }
        return namesRange(pages.isSet(InvalidateIommuPages.S), pages.get(InvalidateIommuPages.ADDRESS), request)
                ? 0
                : pages.refuse(Rule.V35, InvalidateIommuPages.ADDRESS, OTHER_RANGE, completion);
    }

    private int readDeviceTlb(Domain of, InvalidateRequest request, Completion completion) {
        int wrong = deviceTlbs.read(request, completion);
        if (wrong != 0) {
            return wrong;
        }
        type = deviceTlbs.getInt(InvalidateIotlbPages.TYPE);
        if (InvalidateIotlbPages.TYPE.isReservedValue(type)) {
            return deviceTlbs.refuse(Rule.V34, InvalidateIotlbPages.TYPE, "reserved type", completion);
        }
        if (deviceTlbs.isSet(InvalidateIotlbPages.QUEUE_ID)) {
            return deviceTlbs.refuse(Rule.V36, InvalidateIotlbPages.QUEUE_ID, OF_THE_HOST, completion);
        }
        if (deviceTlbs.isSet(InvalidateIotlbPages.MAXPEND)) {
            return deviceTlbs.refuse(Rule.V36, InvalidateIotlbPages.MAXPEND, OF_THE_HOST, completion);
        }
        boolean guest = deviceTlbs.isSet(InvalidateIotlbPages.GN);
        int named = InvalidateIotlbPages.pasid(deviceTlbs.word(InvalidateIotlbPages.PASID_HIGH.word()));
        if (!guest && named != 0) {
            return deviceTlbs.refuse(Rule.V35, InvalidateIotlbPages.GN, PASID_WITHOUT_GN, completion);
        }
        deviceTlb = true;
        deviceId = deviceTlbs.getInt(InvalidateIotlbPages.DEVICE_ID);
        domain = 0;
        pasid = guest ? named : NO_PASID;
        if (!namesContext(of, request)) {
            return deviceTlbs.refuse(Rule.V35, InvalidateIotlbPages.GN, OTHER_PASIDS, completion);
        }
        return namesRange(
                        deviceTlbs.isSet(InvalidateIotlbPages.S), deviceTlbs.get(InvalidateIotlbPages.ADDRESS), request)
                ? 0
                : deviceTlbs.refuse(Rule.V35, InvalidateIotlbPages.ADDRESS, OTHER_RANGE, completion);
    }

    /** True if the one context that the command names is that of the generic part. */
    private boolean namesContext(Domain of, InvalidateRequest request) {
        if (request.selectsPasid()) {
            return pasid == request.pasid();
        }
        return pasid == NO_PASID ? request.noPasid() || !of.hasGuest() : pasid == 0 && request.noPasid();
    }

    /** True if the range that the command names is the generic one, rounded to a power of two. */
    private static boolean namesRange(boolean sized, long address, InvalidateRequest request) {
        int shift = sized ? SizeEncoding.shift(address) : PAGE_SHIFT;
        if (!request.selectsRange()) {
            return shift == SizeEncoding.ALL;
        }
        return shift == PAGE_SHIFT + RangeCover.orderOfOne(request.vaddr(), request.lastVaddr())
                && SizeEncoding.base(address, shift) == RangeCover.baseOfOne(request.vaddr(), request.lastVaddr());
    }
}
