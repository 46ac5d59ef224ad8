package org.iommu4j.amd.guest;

import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.CompletePprRequest;
import org.iommu4j.amd.command.GuestCommands;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.front.CommandEffects;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.simulation.guest.GuestPageRequests;

/**
 * What accepted commands of a guest do: its device table is read again, and the host is asked to drop what it holds. What the host
 * does not carry out is never acknowledged.
 */
final class GuestEffects implements CommandEffects {
    private static final int ALL_DOMAINS = -1;
    private static final byte[] NO_PAYLOAD = {};

    private final int subVersion;
    private final GuestDevices devices;
    private final RequestWriter writer;

    /** Receiver of the requests of the call that is under way. */
    private GuestRequests sink;

    GuestEffects(int subVersion, GuestDevices devices) {
        this.subVersion = subVersion;
        this.devices = devices;
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.AMD, subVersion);
    }

    /** A call begins. */
    void sendTo(GuestRequests requests) {
        sink = requests;
    }

    @Override
    public Outcome deviceEntry(int deviceId) {
        devices.invalidate(deviceId, sink);
        return handled("device table entries are read again");
    }

    @Override
    public Outcome pages(int domain, int pasid, long base, int shift, boolean directories) {
        boolean range = shift != SizeEncoding.ALL;
        int scope = (range ? Uapi.SCOPE_VADDR : 0) | (pasid == NO_PASID ? 0 : Uapi.SCOPE_PASID);
        int flags = (pasid == NO_PASID ? Uapi.FLAGS_NO_PASID : 0) | (range && !directories ? Uapi.FLAGS_VADDR_LEAF : 0);
        byte[] payload = InvalidateIommuPages.LAYOUT.encode(
                InvalidateIommuPages.word0(GuestCommands.nameDomains(subVersion) ? domain : 0, pasid),
                InvalidateIommuPages.word1(pasid, base, shift, directories));
        return invalidate(domain, scope, flags, pasid, base, shift, payload);
    }

    /** A device's own TLB: forwarded alone, since a guest asks for it apart from the unit's translations. */
    @Override
    public Outcome deviceTlb(int deviceId, int pasid, long base, int shift) {
        GuestContext context = devices.context(deviceId);
        if (context == null || !context.deviceTlb()) {
            return handled("the device has no TLB in use");
        }
        int scope = (shift == SizeEncoding.ALL ? 0 : Uapi.SCOPE_VADDR) | (pasid == NO_PASID ? 0 : Uapi.SCOPE_PASID);
        byte[] payload = InvalidateIotlbPages.LAYOUT.encode(
                InvalidateIotlbPages.word0(deviceId, 0, 0, pasid), InvalidateIotlbPages.word1(pasid, base, shift, 0));
        return invalidate(
                context.domain(), scope, pasid == NO_PASID ? Uapi.FLAGS_NO_PASID : 0, pasid, base, shift, payload);
    }

    @Override
    public Outcome interruptTable(int deviceId) {
        return handled("interrupt remapping is not modelled");
    }

    @Override
    public Outcome prefetchInvalidates(int deviceId, int pasid, long base, int shift) {
        GuestContext context = devices.context(deviceId);
        return context == null || context.domain() == GuestContext.UNTRANSLATED_DOMAIN
                ? handled("the guest has no tables for the device")
                : pages(context.domain(), pasid, base, shift, false);
    }

    @Override
    public Outcome pageResponse(int deviceId, int pasid, int group, int response) {
        GuestContext context = devices.context(deviceId);
        if (context == null) {
            return handled("the device is not bound, so nobody waits");
        }
        boolean done = GuestPageRequests.answer(
                context.domain(), deviceId, pasid, group, CompletePprRequest.response(response), sink);
        return done ? handled("the device has its answer, or wants none") : Outcome.NOT_DONE;
    }

    @Override
    public Outcome everything() {
        devices.invalidateAll(sink);
        return invalidate(ALL_DOMAINS, 0, 0, NO_PASID, 0, SizeEncoding.ALL, NO_PAYLOAD);
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
    public void carriedOut(AmdViCommand command, long word0, long word1) {
        // Each has told the sink.
    }

    @Override
    public void refused(String reason) {
        sink.refused(reason);
    }

    @Override
    public void configured() {
        devices.configured(sink);
    }

    private Outcome handled(String why) {
        sink.handled(why);
        return Outcome.DONE;
    }

    private Outcome invalidate(int domain, int scope, int flags, int pasid, long base, int shift, byte[] payload) {
        if (domain == ALL_DOMAINS ? devices.isEmpty() : !devices.usesDomain(domain)) {
            return handled("no device is bound in the domain, so nothing is cached");
        }
        if (pasid != NO_PASID && !devices.usesPasid(domain, pasid)) {
            // 48882 2.4.3: legal, as after a device has lost its guest tables.
            return handled("no device of the domain has guest tables with that PASID, so nothing is cached");
        }
        Completion completion = sink.request(
                domain,
                writer.invalidate(
                        scope,
                        flags,
                        pasid == NO_PASID ? 0 : pasid,
                        base,
                        shift == SizeEncoding.ALL ? 0 : 1L << shift,
                        payload));
        return completion.errno() == Errno.OK ? Outcome.DONE : Outcome.NOT_DONE;
    }
}
