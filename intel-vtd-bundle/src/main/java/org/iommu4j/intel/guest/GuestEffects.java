package org.iommu4j.intel.guest;

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
import org.iommu4j.intel.command.PasidIotlbInvalidate;
import org.iommu4j.intel.command.RegisterImage;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.front.CommandEffects;

/**
 * What accepted commands of a guest do: its tables are read again, and the host is asked to drop what it holds. What the host
 * does not carry out is never acknowledged.
 */
final class GuestEffects implements CommandEffects {
    private static final int PAGE_SHIFT = 12;
    private static final int ALL_DOMAINS = -1;
    private static final byte[] NO_PAYLOAD = {};

    private final int subVersion;
    private final VtdCapabilities unit;
    private final GuestDevices devices;
    private final RequestWriter writer;

    /** Takes the requests of the current call. */
    private GuestRequests sink;

    GuestEffects(int subVersion, VtdCapabilities unit, GuestDevices devices) {
        this.subVersion = subVersion;
        this.unit = unit;
        this.devices = devices;
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, subVersion);
    }

    /** A call begins. */
    void sendTo(GuestRequests requests) {
        sink = requests;
    }

    @Override
    public void rootTable(long rootTableAddress, long command) {
        devices.root(rootTableAddress);
        if (devices.mode() == TableMode.INVALID) {
            sink.refused("the virtual unit has no tables of that mode");
        }
        if (Cap.ESRTPS.isSet(unit.cap())) {
            devices.invalidateAll(sink);
            invalidate(ALL_DOMAINS, 0, 0, 0, 0, NO_PAYLOAD);
        }
    }

    @Override
    public void translation(boolean on, long command) {
        devices.translate(on, sink);
    }

    @Override
    public Outcome contextCache(int granularity, int domain, int sourceId, int functionMask) {
        boolean scalable = devices.mode() == TableMode.SCALABLE;
        if (granularity == ContextCacheInvalidate.DEVICE) {
            devices.invalidateDevice(sourceId, ContextCacheInvalidate.ignoredSourceBits(functionMask), sink);
        } else if (granularity == ContextCacheInvalidate.DOMAIN && !scalable) {
            devices.invalidateDomain(domain, sink);
        } else {
            devices.invalidateAll(sink);
        }
        return handled("context entries are read again");
    }

    @Override
    public Outcome pasidCache(int granularity, int domain, int pasid) {
        if (granularity == PasidCacheInvalidate.GLOBAL) {
            devices.invalidateAll(sink);
        } else {
            devices.invalidateDomain(domain, sink);
        }
        return handled("PASID entries are read again");
    }

    @Override
    public Outcome pasidIotlb(int granularity, int domain, int pasid, long address, int addressMask, boolean leafOnly) {
        if (granularity == PasidIotlbInvalidate.ONE_PASID) {
            return invalidateGuestDomain(domain);
        }
        return devices.usesFirstStage(domain)
                ? invalidateGuestPages(domain, addressMask, leafOnly, address)
                : handled("pages of a first stage, which the domain does not have");
    }

    @Override
    public Outcome pasidDeviceTlb(int sourceId, int pasid, long range) {
        return handled("the device translates nothing with a PASID");
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
    public Outcome iotlb(int granularity, int domain, long address, int addressMask, boolean leafOnly) {
        return switch (granularity) {
            case IotlbInvalidate.GLOBAL -> invalidate(ALL_DOMAINS, 0, 0, 0, 0, NO_PAYLOAD);
            case IotlbInvalidate.DOMAIN -> invalidateGuestDomain(domain);
            default -> invalidateGuestPages(domain, addressMask, leafOnly, address);
        };
    }

    private Outcome invalidateGuestPages(int domain, int order, boolean leafOnly, long address) {
        int width = devices.widthOf(domain);
        int shift = order + PAGE_SHIFT;
        if (shift >= width) {
            return invalidateGuestDomain(domain);
        }
        long first = (address >>> shift) << shift;
        if (first >>> width != 0 && !devices.usesFirstStage(domain)) {
            return handled("beyond the width of the domain's tables nothing is cached");
        }
        Outcome outcome = invalidate(
                domain,
                Uapi.SCOPE_VADDR,
                Uapi.FLAGS_NO_PASID | (leafOnly ? Uapi.FLAGS_VADDR_LEAF : 0),
                first,
                1L << shift,
                payload(IotlbInvalidate.PAGE, first, order, leafOnly));
        // If the host refuses to invalidate pages, the whole domain is invalidated: more, never less.
        return outcome == Outcome.DONE ? outcome : invalidateGuestDomain(domain);
    }

    private Outcome invalidateGuestDomain(int domain) {
        return invalidate(domain, 0, Uapi.FLAGS_NO_PASID, 0, 0, payload(IotlbInvalidate.DOMAIN, 0, 0, false));
    }

    /** A device's own TLB: forwarded alone, since a guest may ask for it without an IOTLB command. */
    @Override
    public Outcome deviceTlb(int requester, long word1) {
        GuestContext context = devices.context(requester);
        if (context == null || !context.deviceTlb()) {
            return handled("the device has no TLB in use");
        }
        int order = DeviceTlbInvalidate.pagesShift(word1);
        long first = DeviceTlbInvalidate.firstAddress(word1);
        boolean wholeSpace = order + PAGE_SHIFT >= context.widthBits();
        if (!wholeSpace && first >>> context.widthBits() != 0 && !context.firstStage()) {
            return handled("beyond the width of the device's table nothing is cached");
        }
        byte[] payload = DeviceTlbInvalidate.LAYOUT.encode(
                DeviceTlbInvalidate.TYPE.of(VtdCommand.TYPE_DEVICE_TLB) | DeviceTlbInvalidate.SID.of(requester),
                wholeSpace ? DeviceTlbInvalidate.ALL : word1);
        return invalidate(
                context.domain(),
                wholeSpace ? 0 : Uapi.SCOPE_VADDR,
                Uapi.FLAGS_NO_PASID,
                wholeSpace ? 0 : first,
                wholeSpace ? 0 : 1L << (order + PAGE_SHIFT),
                payload);
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

    /** The command again, as the vendor part of the request, without what the host owns. */
    private byte[] payload(int granularity, long address, int order, boolean leafOnly) {
        long high = IotlbInvalidate.ADDR.of(address)
                | IotlbInvalidate.AM.of(order)
                | (leafOnly ? IotlbInvalidate.IH.mask() : 0);
        return subVersion == VtdGeneration.LEGACY_REG
                ? RegisterImage.LAYOUT.encode(RegisterImage.IIRG.of(granularity) | RegisterImage.IVT.mask(), high)
                : IotlbInvalidate.LAYOUT.encode(
                        IotlbInvalidate.TYPE.of(VtdCommand.TYPE_IOTLB) | IotlbInvalidate.G.of(granularity), high);
    }

    private Outcome invalidate(int domain, int scope, int flags, long vaddr, long size, byte[] payload) {
        if (domain == ALL_DOMAINS ? devices.isEmpty() : !devices.usesDomain(domain)) {
            return handled("no device is bound in the domain, so nothing is cached");
        }
        Completion completion = sink.request(domain, writer.invalidate(scope, flags, 0, vaddr, size, payload));
        return completion.errno() == Errno.OK ? Outcome.DONE : Outcome.NOT_DONE;
    }
}
