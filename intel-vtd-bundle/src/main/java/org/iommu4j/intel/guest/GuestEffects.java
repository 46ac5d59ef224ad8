package org.iommu4j.intel.guest;

import java.util.function.Predicate;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.PasidCacheInvalidate;
import org.iommu4j.intel.command.PasidDeviceTlbInvalidate;
import org.iommu4j.intel.command.PasidIotlbInvalidate;
import org.iommu4j.intel.command.RegisterImage;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.front.CommandEffects;

/**
 * What accepted commands of a guest do: its tables are read again, and the host is asked to drop what it holds. What the host
 * does not carry out is never acknowledged. A domain of the guest may be spread over several containers: each is asked.
 */
final class GuestEffects implements CommandEffects {
    private static final int PAGE_SHIFT = 12;
    private static final int EVERY_CONTAINER = -1;
    private static final int EACH_PASID = -1;
    private static final byte[] NO_PAYLOAD = {};

    private final int subVersion;
    private final VtdCapabilities unit;
    private final GuestStructures structures;
    private final GuestDevices devices;
    private final boolean hasPasids;
    private final RequestWriter writer;

    /** Takes the requests of the current call. */
    private GuestRequests sink;

    /** True if the chip did not carry out the request that was sent last. */
    private boolean unanswered;

    GuestEffects(int subVersion, VtdCapabilities unit, GuestStructures structures, GuestDevices devices) {
        this.subVersion = subVersion;
        this.unit = unit;
        this.structures = structures;
        this.devices = devices;
        hasPasids = Ecap.PASID.isSet(unit.ecap());
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, subVersion);
    }

    /** A call begins. */
    void sendTo(GuestRequests requests) {
        sink = requests;
    }

    @Override
    public void rootTable(long rootTableAddress, long command) {
        structures.root(rootTableAddress);
        if (structures.mode() == TableMode.INVALID) {
            sink.refused("the virtual unit has no tables of that mode");
        }
        if (Cap.ESRTPS.isSet(unit.cap())) {
            devices.invalidateAll(sink);
            invalidateEverything();
        }
    }

    @Override
    public void translation(boolean on, long command) {
        devices.translate(on, sink);
    }

    @Override
    public Outcome contextCache(int granularity, int domain, int sourceId, int functionMask) {
        boolean scalable = structures.mode() == TableMode.SCALABLE;
        if (granularity == ContextCacheInvalidate.DEVICE) {
            devices.invalidateDevice(sourceId, ContextCacheInvalidate.ignoredSourceBits(functionMask), sink);
        } else if (granularity == ContextCacheInvalidate.DOMAIN && !scalable) {
            devices.invalidateDomain(domain, sink);
        } else {
            devices.invalidateAll(sink);
        }
        return readAgain("context entries are read again");
    }

    @Override
    public Outcome pasidCache(int granularity, int domain, int pasid) {
        if (granularity == PasidCacheInvalidate.GLOBAL) {
            devices.invalidateAll(sink);
        } else {
            devices.invalidatePasids(domain, granularity == PasidCacheInvalidate.ONE_PASID ? pasid : EACH_PASID, sink);
        }
        return readAgain("PASID entries are read again");
    }

    private Outcome readAgain(String what) {
        return devices.takeTooMany() ? Outcome.NOT_DONE : handled(what);
    }

    @Override
    public Outcome iotlb(int granularity, int domain, long address, int addressMask, boolean leafOnly) {
        if (granularity == IotlbInvalidate.GLOBAL) {
            return invalidateEverything();
        }
        Predicate<GuestTable> inDomain = GuestDevices.inDomain(domain);
        Outcome outcome = null;
        for (int home : devices.homes(pasid -> true, inDomain)) {
            // Every first-stage translation of the domain goes, VT-d 6.5.2.3.
            boolean pages = granularity == IotlbInvalidate.PAGE
                    && !devices.homes(pasid -> true, inDomain.and(GuestTable::firstStage))
                            .contains(home);
            boolean withPasids = devices.homes(pasid -> pasid != GuestDevice.NO_PASID, inDomain)
                    .contains(home);
            int flags = withPasids ? 0 : Uapi.FLAGS_NO_PASID;
            Outcome here = pages
                    ? invalidatePages(home, domain, flags, address, addressMask, leafOnly)
                    : invalidateDomain(home, flags);
            outcome = worse(outcome, here);
        }
        return outcome == null ? nothingBound() : outcome;
    }

    private Outcome invalidateDomain(int home, int flags) {
        return send(home, 0, flags, 0, 0, 0, pagesPayload(IotlbInvalidate.DOMAIN, 0, 0, false));
    }

    /** Pages of the second stage. */
    private Outcome invalidatePages(int home, int domain, int flags, long address, int order, boolean leafOnly) {
        int width = devices.secondStageBits(home, domain);
        int shift = order + PAGE_SHIFT;
        if (shift >= width) {
            return invalidateDomain(home, flags);
        }
        long first = (address >>> shift) << shift;
        if (first >>> width != 0) {
            return handled("beyond the width of the domain's tables nothing is cached");
        }
        Outcome outcome = send(
                home,
                Uapi.SCOPE_VADDR,
                flags | (leafOnly ? Uapi.FLAGS_VADDR_LEAF : 0),
                0,
                first,
                1L << shift,
                pagesPayload(IotlbInvalidate.PAGE, first, order, leafOnly));
        // If the host refuses to invalidate pages, the whole domain is invalidated: more, never less.
        return outcome == Outcome.DONE ? outcome : invalidateDomain(home, flags);
    }

    @Override
    public Outcome pasidIotlb(int granularity, int domain, int pasid, long address, int addressMask, boolean leafOnly) {
        Predicate<GuestTable> inDomain = GuestDevices.inDomain(domain);
        boolean pages = granularity == PasidIotlbInvalidate.PAGE;
        // Pages are those of a first stage; what a second stage maps is not reached, VT-d 6.5.2.4.
        Predicate<GuestTable> reached = pages ? inDomain.and(GuestTable::firstStage) : inDomain;
        // Without PASIDs, requests have no other than the one that is named.
        int named = hasPasids ? pasid : GuestDevice.NO_PASID;
        Outcome outcome = null;
        for (int home : devices.homes(bound -> bound == named, reached)) {
            Outcome here = pages
                    ? invalidatePasidPages(home, named, address, addressMask, leafOnly)
                    : invalidatePasid(home, named);
            outcome = worse(outcome, here);
        }
        return outcome == null ? handled("nothing of the PASID is cached in the domain") : outcome;
    }

    private Outcome invalidatePasid(int home, int pasid) {
        byte[] payload = VtdGeneration.isScalable(subVersion)
                ? pasidPayload(PasidIotlbInvalidate.ONE_PASID, pasid, 0, 0, false)
                : pagesPayload(IotlbInvalidate.DOMAIN, 0, 0, false);
        return sendOf(pasid, home, 0, 0, 0, 0, payload);
    }

    private Outcome invalidatePasidPages(int home, int pasid, long address, int order, boolean leafOnly) {
        int shift = order + PAGE_SHIFT;
        if (shift >= Long.SIZE - 1) {
            return invalidatePasid(home, pasid);
        }
        long first = (address >>> shift) << shift;
        Outcome outcome = sendOf(
                pasid,
                home,
                Uapi.SCOPE_VADDR,
                leafOnly ? Uapi.FLAGS_VADDR_LEAF : 0,
                first,
                1L << shift,
                pasidPayload(PasidIotlbInvalidate.PAGE, pasid, first, order, leafOnly));
        // Whatever the host has against the range, the whole PASID is invalidated: more, never less.
        return outcome == Outcome.DONE ? outcome : invalidatePasid(home, pasid);
    }

    /** A device's own TLB: forwarded alone, since a guest may ask for it without an IOTLB command. */
    @Override
    public Outcome deviceTlb(int requester, long word1) {
        GuestDevice device = devices.device(requester);
        if (device == null || !device.deviceTlb() || device.byPasid().isEmpty()) {
            return handled("the device has no TLB in use");
        }
        int width = device.widthBits();
        int order = DeviceTlbInvalidate.pagesShift(word1);
        long first = DeviceTlbInvalidate.firstAddress(word1);
        boolean wholeSpace = order + PAGE_SHIFT >= width;
        if (!wholeSpace && first >>> width != 0 && !device.has(GuestTable::firstStage)) {
            return handled("beyond the width of the device's table nothing is cached");
        }
        byte[] payload = DeviceTlbInvalidate.LAYOUT.encode(
                DeviceTlbInvalidate.TYPE.of(VtdCommand.TYPE_DEVICE_TLB) | DeviceTlbInvalidate.SID.of(requester),
                wholeSpace ? DeviceTlbInvalidate.ALL : word1);
        return answered(send(
                device.home(),
                wholeSpace ? 0 : Uapi.SCOPE_VADDR,
                Uapi.FLAGS_NO_PASID,
                0,
                wholeSpace ? 0 : first,
                wholeSpace ? 0 : 1L << (order + PAGE_SHIFT),
                payload));
    }

    @Override
    public Outcome pasidDeviceTlb(int sourceId, int pasid, long range) {
        GuestDevice device = devices.device(sourceId);
        boolean every = pasid == EVERY_PASID;
        if (device == null
                || !device.deviceTlb()
                || !device.has(bound -> bound != GuestDevice.NO_PASID && (every || bound == pasid), table -> true)) {
            return handled("the device has nothing of the PASID in a TLB");
        }
        boolean all = DeviceTlbInvalidate.isAll(range);
        long word1 = PasidDeviceTlbInvalidate.GI.of(every ? 1 : 0)
                | PasidDeviceTlbInvalidate.S.of(DeviceTlbInvalidate.S.get(range))
                | PasidDeviceTlbInvalidate.ADDR.of(DeviceTlbInvalidate.ADDR.get(range));
        byte[] payload = PasidDeviceTlbInvalidate.LAYOUT.encode(
                PasidDeviceTlbInvalidate.TYPE.of(VtdCommand.TYPE_PASID_DEVICE_TLB)
                        | PasidDeviceTlbInvalidate.SID.of(sourceId)
                        | PasidDeviceTlbInvalidate.PASID.of(every ? 0 : pasid),
                word1);
        return answered(send(
                device.home(),
                (every ? 0 : Uapi.SCOPE_PASID) | (all ? 0 : Uapi.SCOPE_VADDR),
                0,
                every ? 0 : pasid,
                all ? 0 : DeviceTlbInvalidate.firstAddress(range),
                all ? 0 : 1L << (DeviceTlbInvalidate.pagesShift(range) + PAGE_SHIFT),
                payload));
    }

    /** The guest has no page requests, so its queue knows no such command. */
    @Override
    public Outcome pageGroupResponse(long word0, long word1) {
        return Outcome.NOT_DONE;
    }

    /** The guest has no host permission tables, so its queue knows no such command. */
    @Override
    public Outcome hostPermissions(int granularity, int domain, long address, int addressMask, int hint) {
        return Outcome.NOT_DONE;
    }

    @Override
    public Outcome interruptEntryCache() {
        return handled("interrupt remapping is not modelled");
    }

    @Override
    public void waited() {
        sink.handled("requests complete in order");
    }

    @Override
    public void completed() {
        // Each request was over before the next.
    }

    @Override
    public void carriedOut(VtdCommand command, long word0, long word1, String name, long value0, long value1) {
        // Each effect has told the sink.
    }

    @Override
    public void refused(String reason) {
        sink.refused(reason);
    }

    private Outcome handled(String why) {
        sink.handled(why);
        return Outcome.DONE;
    }

    private Outcome nothingBound() {
        return handled("no device is bound in the domain, so nothing is cached");
    }

    private static Outcome worse(Outcome before, Outcome now) {
        return before == null || before == Outcome.DONE ? now : before;
    }

    /** The outcome of what only a device can do: if the chip does not carry it out, the device has not answered. */
    private Outcome answered(Outcome outcome) {
        return outcome == Outcome.NOT_DONE && unanswered ? Outcome.NO_ANSWER : outcome;
    }

    /** The command again, as the vendor part of the request, without what the host owns. */
    private byte[] pagesPayload(int granularity, long address, int order, boolean leafOnly) {
        long high = IotlbInvalidate.ADDR.of(address)
                | IotlbInvalidate.AM.of(order)
                | (leafOnly ? IotlbInvalidate.IH.mask() : 0);
        return subVersion == VtdGeneration.LEGACY_REG
                ? RegisterImage.LAYOUT.encode(RegisterImage.IIRG.of(granularity) | RegisterImage.IVT.mask(), high)
                : IotlbInvalidate.LAYOUT.encode(
                        IotlbInvalidate.TYPE.of(VtdCommand.TYPE_IOTLB) | IotlbInvalidate.G.of(granularity), high);
    }

    private static byte[] pasidPayload(int granularity, int pasid, long address, int order, boolean leafOnly) {
        return PasidIotlbInvalidate.LAYOUT.encode(
                PasidIotlbInvalidate.TYPE.of(VtdCommand.TYPE_PASID_IOTLB)
                        | PasidIotlbInvalidate.G.of(granularity)
                        | PasidIotlbInvalidate.PASID.of(pasid),
                PasidIotlbInvalidate.ADDR.of(address)
                        | PasidIotlbInvalidate.AM.of(order)
                        | PasidIotlbInvalidate.IH.of(leafOnly ? 1 : 0));
    }

    private Outcome invalidateEverything() {
        return devices.isEmpty() ? nothingBound() : send(EVERY_CONTAINER, 0, 0, 0, 0, 0, NO_PAYLOAD);
    }

    /** A request for one PASID, or for requests without. */
    private Outcome sendOf(int pasid, int home, int scope, int flags, long vaddr, long size, byte[] payload) {
        return pasid == GuestDevice.NO_PASID
                ? send(home, scope, flags | Uapi.FLAGS_NO_PASID, 0, vaddr, size, payload)
                : send(home, scope | Uapi.SCOPE_PASID, flags, pasid, vaddr, size, payload);
    }

    private Outcome send(int home, int scope, int flags, int pasid, long vaddr, long size, byte[] payload) {
        Completion completion = sink.request(home, writer.invalidate(scope, flags, pasid, vaddr, size, payload));
        unanswered = completion.errno() == Errno.EIO || completion.errno() == Errno.ETIMEDOUT;
        return completion.errno() == Errno.OK ? Outcome.DONE : Outcome.NOT_DONE;
    }
}
