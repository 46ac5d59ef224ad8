package org.iommu4j.arm.guest;

import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;
import java.util.function.Predicate;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.PageRequestResponse;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.front.CommandEffects;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.simulation.guest.GuestPageRequests;

/**
 * What accepted commands of a guest do: its stream table is read again, and the host is asked to drop what it holds. What the host
 * does not carry out is never acknowledged.
 */
final class GuestEffects implements CommandEffects {
    private static final int ALL = -1;
    private static final int ALL_STREAMS = 31;
    private static final long LAST_ADDRESS = -1L;
    private static final byte[] NO_PAYLOAD = {};

    private final GuestDevices streams;
    private final RequestWriter writer;
    private final BooleanSupplier withAsids;

    /** Receiver of the requests of the call that is under way. */
    private GuestRequests sink;

    /**
     * Effects on a guest's streams.
     *
     * @param withAsids whether streams of EL2 have ASIDs: CR2.E2H
     */
    GuestEffects(int subVersion, GuestDevices streams, BooleanSupplier withAsids) {
        this.streams = streams;
        this.withAsids = withAsids;
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.ARM_SMMU, subVersion);
    }

    /** A call begins. */
    void sendTo(GuestRequests requests) {
        sink = requests;
    }

    @Override
    public void translation(boolean on) {
        streams.translate(on, sink);
    }

    @Override
    public Outcome carryOut(SmmuCommand command, long word0, long word1) {
        int streamId = CommandFields.SID.getInt(word0);
        return switch (command) {
            case CFGI_STE -> configuration(streamId, 0);
            case CFGI_STE_RANGE -> {
                int range = CommandFields.RANGE.getInt(word1);
                yield configuration(streamId, range == ALL_STREAMS ? Integer.SIZE : range + 1);
            }
            case CFGI_CD, CFGI_CD_ALL, ATC_INV, RESUME -> ofStream(streamId, command, word0, word1);
            case TLBI_NSNH_ALL -> all(ALL);
            case TLBI_NH_ALL -> stage1(vmid(word0), this::all);
            case TLBI_S12_VMALL -> ofMachine(vmid(word0), binding -> true, this::all);
            case TLBI_NH_ASID -> addressSpace(vmid(word0), word0, word1);
            case TLBI_NH_VA, TLBI_NH_VAA -> range(vmid(word0), command, word0, word1);
            case TLBI_S2_IPA -> intermediate(word0, word1);
            case TLBI_EL2_ALL -> stage1(GuestBinding.ANY_VMID, this::all);
            case TLBI_EL2_ASID -> addressSpace(GuestBinding.ANY_VMID, word0, word1);
            case TLBI_EL2_VA ->
                withAsids.getAsBoolean()
                        ? range(GuestBinding.ANY_VMID, SmmuCommand.TLBI_NH_VA, word0, word1)
                        : range(
                                GuestBinding.ANY_VMID,
                                SmmuCommand.TLBI_NH_VAA,
                                CommandFields.ASID.set(word0, 0),
                                word1);
            case TLBI_EL2_VAA -> range(GuestBinding.ANY_VMID, SmmuCommand.TLBI_NH_VAA, word0, word1);
            case PRI_RESP -> respond(streamId, word0, word1);
            case STALL_TERM -> handled("what was stalled ended with the binding of the stream");
            case PREFETCH_CONFIG, PREFETCH_ADDR, CFGI_VMS_PIDM, SYNC -> handled("nothing is kept for it");
        };
    }

    private static int vmid(long word0) {
        return CommandFields.VMID.getInt(word0);
    }

    private Outcome addressSpace(int vmid, long word0, long word1) {
        byte[] payload = payload(SmmuCommand.TLBI_NH_ASID, word0, word1);
        return stage1(vmid, streamId -> invalidate(streamId, 0, 0, 0, payload));
    }

    private Outcome all(int streamId) {
        return invalidate(streamId, 0, 0, 0, NO_PAYLOAD);
    }

    private Outcome configuration(int streamId, int bits) {
        streams.invalidate(streamId, bits, sink);
        return handled("stream table entries are read again");
    }

    private Outcome ofStream(int streamId, SmmuCommand command, long word0, long word1) {
        return streams.bound().containsKey(streamId)
                ? invalidate(streamId, 0, 0, 0, payload(command, word0, word1))
                : handled("the stream is not bound, so nothing is cached");
    }

    /** An answer to a group of page requests; one to a group that nobody waits for does nothing. */
    private Outcome respond(int streamId, long word0, long word1) {
        if (!streams.bound().containsKey(streamId)) {
            return handled("the stream is not bound, so nobody waits");
        }
        boolean done = GuestPageRequests.answer(
                streamId,
                streamId,
                PageRequestResponse.pasid(word0),
                CommandFields.PRG_INDEX.getInt(word1),
                PageRequestResponse.response(word1),
                sink);
        return done ? handled("the device has its answer, or wants none") : Outcome.NOT_DONE;
    }

    /** By address: the generic part names the same range, in pages of 4 KiB; a command that names no granule may mean any. */
    private Outcome range(int vmid, SmmuCommand command, long word0, long word1) {
        Granule named = Granule.ofRange(CommandFields.TG.getInt(word1));
        Granule granule = named == null ? Granule.K64 : named;
        long first = CommandFields.firstOfRange(granule, CommandFields.ADDRESS.get(word1));
        long last = CommandFields.lastOfRange(granule, first, named == null ? 0 : word0);
        byte[] payload = payload(command, word0, word1);
        return stage1(
                vmid,
                streamId -> last == LAST_ADDRESS
                        ? all(streamId)
                        : invalidate(streamId, leafFlag(word1), first, last - first + 1, payload));
    }

    /**
     * By address of stage 2. Where that is alone the host knows its granule, so that it chooses the command; below stage 1 addresses of
     * requests are those of stage 1, so that the command goes along.
     */
    private Outcome intermediate(long word0, long word1) {
        Granule named = Granule.ofRange(CommandFields.TG.getInt(word1));
        byte[] payload = payload(SmmuCommand.TLBI_S2_IPA, word0, word1);
        return ofMachine(vmid(word0), GuestBinding::hasStage2, streamId -> {
            if (streams.bound().get(streamId).isNested()) {
                return invalidate(streamId, 0, 0, 0, payload);
            }
            Granule granule = named == null ? streams.bound().get(streamId).granule() : named;
            long first = CommandFields.firstOfRange(granule, CommandFields.ipa(word1));
            long last = CommandFields.lastOfRange(granule, first, named == null ? 0 : word0);
            return last == LAST_ADDRESS
                    ? all(streamId)
                    : invalidate(streamId, leafFlag(word1), first, last - first + 1, NO_PAYLOAD);
        });
    }

    private static int leafFlag(long word1) {
        return CommandFields.LEAF.isSet(word1) ? Uapi.FLAGS_VADDR_LEAF : 0;
    }

    private Outcome stage1(int vmid, IntFunction<Outcome> request) {
        return ofMachine(vmid, binding -> !binding.isStage2(), request);
    }

    /** For each stream of a command's VMID that it concerns; in one request where the guest's unit has no VMIDs. */
    private Outcome ofMachine(int vmid, Predicate<GuestBinding> concerned, IntFunction<Outcome> request) {
        if (!streams.haveVmids()) {
            return request.apply(ALL);
        }
        boolean done = true;
        boolean found = false;
        for (Map.Entry<Integer, GuestBinding> stream : streams.bound().entrySet()) {
            if (stream.getValue().isOf(vmid) && concerned.test(stream.getValue())) {
                found = true;
                done &= request.apply(stream.getKey()) == Outcome.DONE;
            }
        }
        if (!found) {
            return handled("no stream of that VM is bound, so nothing is cached");
        }
        return done ? Outcome.DONE : Outcome.NOT_DONE;
    }

    /**
     * The command as the vendor part of a request, without what the host owns; that of EL2 as one of EL1, which the guest's streams are for
     * the host (docs/spec/arm-smmu.md 1.3 S10).
     */
    private static byte[] payload(SmmuCommand as, long word0, long word1) {
        long named = as.opcodeField().set(word0, as.opcode());
        boolean hasVmid = as.layout().fields().contains(CommandFields.VMID);
        return as.layout().encode(hasVmid ? CommandFields.VMID.set(named, 0) : named, word1);
    }

    private Outcome invalidate(int domain, int flags, long vaddr, long size, byte[] payload) {
        if (streams.bound().isEmpty()) {
            return handled("no stream is bound, so nothing is cached");
        }
        int scope = size == 0 ? 0 : Uapi.SCOPE_VADDR;
        Errno errno = sink.request(domain, writer.invalidate(scope, flags, 0, vaddr, size, payload))
                .errno();
        return errno == Errno.OK ? Outcome.DONE : Outcome.NOT_DONE;
    }

    private Outcome handled(String why) {
        sink.handled(why);
        return Outcome.DONE;
    }

    @Override
    public Outcome await() {
        sink.handled("requests complete in order");
        return Outcome.DONE;
    }

    @Override
    public void completed() {
        // Each request was over before the next.
    }

    @Override
    public void refused(String reason) {
        sink.refused(reason);
    }
}
