package org.iommu4j.intel.translate;

import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.range.RangeCover;

/**
 * What requests come to in scalable mode, docs/spec/intel-vtd.md 5.1: for first-stage tables commands of their PASID (type 6), for
 * second-stage tables and pass-through commands of their domain id (type 2), then those of devices with a TLB of their own, so that a
 * device that asks again sees the new tables. Requests without PASID are those of PASID 0. Reused by its owner; allocates nothing.
 */
final class ScalableInvalidations {
    /** Most commands of a range of all PASIDs; beyond, the whole domain is cheaper. */
    private static final int MOST_COMMANDS = 64;

    /** Stands for every PASID, and for requests without one. */
    private static final int ANY = -1;

    private static final String NOT_BOUND = "the PASID is not bound in the container";
    private static final String OTHER_PASIDS = "other PASIDs use the same table: their translations go, too";
    private static final String MANY_PASIDS = "so many PASIDs are bound that the whole domain is dropped";

    private final ChipPort chip;
    private final QueueCommands commands;
    private final VendorPart vendorPart;

    /** The range as blocks of commands of one PASID, and of devices. */
    private final RangeCover cover = new RangeCover();

    /** The range as blocks of commands of a domain id. */
    private final RangeCover domainCover = new RangeCover();

    /** For one chip. */
    ScalableInvalidations(int subVersion, ChipPort chip, QueueCommands commands) {
        this.chip = chip;
        this.commands = commands;
        vendorPart = new VendorPart(subVersion);
    }

    /** As {@link org.iommu4j.backend.Translator#invalidate}. */
    int invalidate(Domain target, InvalidateRequest request, Completion completion) {
        int refused = check(target, request, completion);
        if (refused != 0) {
            return refused;
        }
        boolean vendor = request.payloadLength() != 0;
        if (vendor) {
            refused = vendorPart.read(request, completion);
            if (refused != 0) {
                return refused;
            }
        }
        int pasid = request.selectsPasid() ? request.pasid() : request.noPasid() ? Device.NO_PASID : ANY;
        if (request.selectsRange()) {
            cover(request.vaddr(), request.lastVaddr(), vendor, completion);
        }
        if (!vendor || !(vendorPart.pasidCache() || vendorPart.deviceTlb())) {
            boolean fence = invalidatePages(target, pasid, request, completion);
            invalidateDevices(target, pasid, request.selectsRange(), fence);
            return completion.done(Fidelity.EXACT);
        }
        if (vendorPart.pasidCache()) {
            return invalidatePasidCache(target, pasid, completion);
        }
        return invalidateDevice(target, pasid, request, completion);
    }

    private int check(Domain target, InvalidateRequest request, Completion completion) {
        if (request.selectsPasid()) {
            if (chip.pasidBits() == 0) {
                return Answers.noPasids(request, completion);
            }
            if (request.pasid() >>> chip.pasidBits() != 0) {
                return request.refuse(Rule.V17, Errno.EINVAL, Uapi.PASID, "the chip has no such PASID", completion);
            }
        }
        if (request.selectsRange() && !target.translates(request.vaddr(), request.lastVaddr())) {
            return request.refuse(
                    Rule.V24,
                    Errno.EINVAL,
                    Uapi.VADDR,
                    "the range ends beyond the address width of the domain's tables",
                    completion);
        }
        return request.selectsPasid() && !target.isBound(request.pasid())
                ? request.refuse(null, Errno.ENOENT, Uapi.PASID, NOT_BOUND, completion)
                : 0;
    }

    /**
     * Takes the range apart.
     *
     * @param one true for the one block that holds the range
     */
    private void cover(long first, long last, boolean one, Completion completion) {
        if (one) {
            cover.coverWithOne(first, last);
        } else {
            cover.cover(first, last, QueueCommands.MAX_PASID_ORDER);
        }
        if (!cover.exact()) {
            completion.widened(one ? VtdTranslator.VENDOR_BLOCK : VtdTranslator.LARGER_BLOCK);
        }
        if (one) {
            domainCover.coverWithOne(first, last);
        } else {
            domainCover.cover(first, last, Math.max(0, chip.maxPageOrder()));
        }
    }

    /** Returns true if a command of a PASID is among them, which the queue does not keep before those of devices. */
    private boolean invalidatePages(Domain target, int pasid, InvalidateRequest request, Completion completion) {
        boolean everything = pasid == ANY && !request.selectsRange();
        boolean tooMany = pasid == ANY && target.uses().length * (long) cover.count() > MOST_COMMANDS;
        if (everything || tooMany) {
            if (!everything) {
                completion.widened(MANY_PASIDS);
            }
            for (int domainId : target.domainIds()) {
                commands.iotlbDomain(domainId);
            }
            return false;
        }
        boolean ofPasids = false;
        Stage done = null;
        for (Domain.Use use : target.uses()) {
            Stage stage = use.stage();
            if (pasid != ANY && use.pasid() != pasid) {
                continue;
            }
            if (stage.translation().isFirstStage()) {
                firstStage(use, request);
                ofPasids = true;
            } else if (stage != done) {
                done = stage;
                if (pasid != ANY && stage.isShared()) {
                    completion.widened(OTHER_PASIDS);
                }
                secondStage(stage.domainId(), request, completion);
            }
        }
        return ofPasids;
    }

    private void firstStage(Domain.Use use, InvalidateRequest request) {
        int domainId = use.stage().domainId();
        if (!request.selectsRange() || cover.order(0) > QueueCommands.MAX_PASID_ORDER) {
            commands.pasidIotlb(domainId, use.pasid());
            return;
        }
        for (int i = 0; i < cover.count(); i++) {
            commands.pasidPages(domainId, use.pasid(), cover.address(i), cover.order(i), request.leafOnly());
        }
    }

    private void secondStage(int domainId, InvalidateRequest request, Completion completion) {
        if (!request.selectsRange()) {
            commands.iotlbDomain(domainId);
            return;
        }
        if (domainCover.order(0) > chip.maxPageOrder()) {
            completion.widened(VtdTranslator.NO_PAGES);
            commands.iotlbDomain(domainId);
            return;
        }
        if (!domainCover.exact()) {
            completion.widened(VtdTranslator.LARGER_BLOCK);
        }
        for (int i = 0; i < domainCover.count(); i++) {
            commands.iotlbPages(domainId, domainCover.address(i), domainCover.order(i), request.leafOnly());
        }
    }

    private void invalidateDevices(Domain target, int pasid, boolean range, boolean fence) {
        Device[] devices = target.devicesWithTlb();
        if (fence && devices.length != 0) {
            commands.fence();
        }
        for (Device device : devices) {
            if (pasid == ANY || pasid == Device.NO_PASID) {
                withoutPasid(device, range);
            }
            if (device.hasPasids() && (pasid == ANY || pasid == Device.NO_PASID || device.isBound(pasid))) {
                withPasid(device, pasid, range);
            }
        }
    }

    private void withoutPasid(Device device, boolean range) {
        if (!range) {
            commands.deviceTlb(device.requester(), 0, RangeCover.WHOLE_SPACE_ORDER);
            return;
        }
        for (int i = 0; i < cover.count(); i++) {
            commands.deviceTlb(device.requester(), cover.address(i), cover.order(i));
        }
    }

    private void withPasid(Device device, int pasid, boolean range) {
        int blocks = range ? cover.count() : 1;
        for (int i = 0; i < blocks; i++) {
            long address = range ? cover.address(i) : 0;
            int order = range ? cover.order(i) : RangeCover.WHOLE_SPACE_ORDER;
            if (pasid == ANY) {
                commands.everyPasidDeviceTlb(device.requester(), address, order);
            } else {
                commands.pasidDeviceTlb(device.requester(), pasid, address, order);
            }
        }
    }

    /** A device's own TLB alone: the guest's descriptor of type 3 or 8, rebuilt from its fields. */
    private int invalidateDevice(Domain target, int pasid, InvalidateRequest request, Completion completion) {
        Device device = null;
        for (Device candidate : target.devicesWithTlb()) {
            if (candidate.requester() == vendorPart.sourceId()) {
                device = candidate;
            }
        }
        if (device == null) {
            // A device that was bound without a TLB of its own has nothing that could be stale.
            return target.members().device(vendorPart.sourceId()) == null
                    ? vendorPart.refuseSourceId(completion)
                    : completion.done(Fidelity.EXACT);
        }
        if (!vendorPart.pasidDeviceTlb()) {
            withoutPasid(device, request.selectsRange());
        } else if (device.hasPasids()) {
            withPasid(device, pasid, request.selectsRange());
        }
        return completion.done(Fidelity.EXACT);
    }

    /** The PASID cache alone, descriptor type 7: the host's own entries are in force already, and are read again. */
    private int invalidatePasidCache(Domain target, int pasid, Completion completion) {
        for (Domain.Use use : target.uses()) {
            if (pasid == ANY || use.pasid() == pasid) {
                commands.pasidCache(use.stage().domainId(), use.pasid());
            }
        }
        return completion.done(Fidelity.EXACT);
    }
}
