package org.iommu4j.core.containers;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.RequestReader;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Terms;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.Contained;
import org.iommu4j.core.negotiation.Negotiated;
import org.iommu4j.core.negotiation.ShimLink;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.ContainerConfig;

/**
 * How one container's requests are read and brought to the chip's generation, as long as one backend serves. A new one is
 * made at every swap; it holds objects of the backend and of shims.
 */
public final class Session {
    private final Negotiated negotiated;
    private final Agreement agreement;

    /** The reader for the image that the client declared; null in a session that refuses everything. */
    private final RequestReader reader;

    private final Map<Abi, RequestReader> others = new EnumMap<>(Abi.class);

    /** Scratch objects of the call inside; a call that was left behind has those of an earlier session. */
    private final RequestPosition position = new RequestPosition();

    private final Completion finished = new Completion();
    private final Contained.Rewriter[] shims;
    private final int[] generations;

    /** Null if there are no shims, or a generation has no form of effects. */
    private final EffectCheck effects;

    private final Generation host;

    /** Bytes of the vendor part that the shims wrote last and the chip's generation has; -1 before. */
    private int acceptedLength = -1;

    private final List<BindFormat> bindFormats;
    private final Rule rule;
    private final Errno refusal;
    private final String reason;

    private Session(
            Negotiated negotiated,
            BackendEntry serving,
            RequestReader reader,
            Generation host,
            List<BindFormat> bindFormats,
            Rule rule,
            Errno refusal,
            String reason) {
        this.negotiated = negotiated;
        this.agreement = negotiated.agreement();
        this.reader = reader;
        List<ShimLink> chain = negotiated.chain();
        this.shims = new Contained.Rewriter[chain.size()];
        this.generations = new int[chain.size()];
        for (int i = 0; i < shims.length; i++) {
            shims[i] = Contained.shim(chain.get(i).shim(), serving);
            generations[i] = chain.get(i).to();
        }
        this.effects = shims.length == 0
                ? null
                : EffectCheck.of(serving, agreement.clientSubVersion(), agreement.hostSubVersion());
        this.host = host;
        this.bindFormats = bindFormats;
        this.rule = rule;
        this.refusal = refusal;
        this.reason = reason;
    }

    /**
     * A session under an agreement that holds.
     *
     * @param serving the backend that serves
     * @param known every description of the model that was ever seen: they tell the payload lengths of generations that
     *     the serving backend has given up
     */
    public static Session of(
            ContainerConfig config, Negotiated negotiated, BackendEntry serving, List<BackendDescription> known) {
        Agreement agreement = negotiated.agreement();
        List<BindFormat> formats = serving.parts().bindFormats();
        Generation host = serving.description().generation(agreement.hostSubVersion());
        Generation client = clientGeneration(agreement.clientSubVersion(), serving, known);
        // A generation that nobody ever described: its shim knows the lengths, so the shim checks them.
        Set<Integer> lengths = client == null ? Set.of(0, -1) : client.payloadLengths();
        int granuleShift = client == null ? host.granuleShift() : Math.max(host.granuleShift(), client.granuleShift());
        int pasidBits = client == null ? host.pasidBits() : Math.min(host.pasidBits(), client.pasidBits());
        Terms terms = new Terms(
                config.abi(),
                agreement.model(),
                agreement.clientSubVersion(),
                lengths,
                granuleShift,
                pasidBits,
                formats);
        return new Session(negotiated, serving, new RequestReader(terms), host, formats, null, null, "");
    }

    /** A session of a client whose agreement no longer exists: it refuses everything. */
    public static Session lost(Negotiated refused) {
        return new Session(
                refused,
                null,
                null,
                null,
                List.of(),
                Rule.V30,
                Rule.V30.errno(),
                refused.agreement().reason());
    }

    /** A session of a container that is closed, or whose bindings could not be brought back: it refuses everything. */
    public static Session stale(Agreement agreement, String reason) {
        return new Session(
                new Negotiated(agreement, List.of()), null, null, null, List.of(), null, Errno.ESTALE, reason);
    }

    private static Generation clientGeneration(int subVersion, BackendEntry serving, List<BackendDescription> known) {
        Generation generation = serving.description().generation(subVersion);
        for (int i = known.size() - 1; i >= 0 && generation == null; i--) {
            generation = known.get(i).generation(subVersion);
        }
        return generation;
    }

    /** The agreement under which requests are read. */
    public Agreement agreement() {
        return agreement;
    }

    /** Inside the gate: for the batch at hand. */
    RequestPosition position() {
        return position;
    }

    /** Inside the gate: for the answer to the completion wait of a batch. */
    Completion finished() {
        return finished;
    }

    /** True if it refuses everything. */
    public boolean refuses() {
        return reader == null;
    }

    private static Terms in(Abi image, Terms terms) {
        return new Terms(
                image,
                terms.model(),
                terms.subVersion(),
                terms.payloadLengths(),
                terms.granuleShift(),
                terms.pasidBits(),
                terms.bindFormats());
    }

    /** Fills in the refusal of a session that refuses everything. */
    int refuse(Completion completion) {
        return completion.refuse(rule, refusal, "sub_version", -1, agreement.clientSubVersion(), reason);
    }

    /**
     * The reader for requests of an image; null in a session that refuses everything. Inside the gate: the readers for
     * other images than the declared one are made when they are first needed.
     */
    RequestReader reader(Abi image) {
        if (reader == null || reader.terms().abi() == image) {
            return reader;
        }
        RequestReader other = others.get(image);
        if (other == null) {
            other = new RequestReader(in(image, reader.terms()));
            others.put(image, other);
        }
        return other;
    }

    /** Brings an invalidation to the chip's generation, one shim after the other. */
    int rewrite(InvalidateRequest request, Completion completion) {
        boolean compared = effects != null && request.payloadLength() != 0;
        if (compared && effects.begin(request, completion) != 0) {
            return completion.errno().code();
        }
        for (int i = 0; i < shims.length; i++) {
            if (request.payloadLength() == 0) {
                request.retag(generations[i]);
                continue;
            }
            int scope = request.scope();
            int flags = request.flags();
            int pasid = request.pasid();
            long first = request.vaddr();
            long size = request.size();
            int code = shims[i].rewrite(request, completion);
            if (code != 0) {
                return code;
            }
            if (isNarrower(request, scope, flags, pasid, first, size)) {
                return completion.fail(Errno.EIO, "a shim wrote a request that names less than the client's");
            }
            if (request.subVersion() != generations[i]) {
                return completion.fail(
                        Errno.EIO,
                        "a shim wrote generation " + Generation.text(request.subVersion()) + ", not "
                                + Generation.text(generations[i]));
            }
        }
        if (compared && effects.compare(request, completion) != 0) {
            return completion.errno().code();
        }
        if (shims.length != 0 && !isAccepted(request.payloadLength())) {
            return completion.fail(Errno.EIO, "the shims wrote a vendor part of " + request.payloadLength() + " bytes");
        }
        return 0;
    }

    /** True if the chip's generation has vendor parts of a length. Most requests have the length of the one before. */
    private boolean isAccepted(int length) {
        if (length != acceptedLength && host.acceptsPayload(length)) {
            acceptedLength = length;
        }
        return length == acceptedLength;
    }

    /** True if the generic part of a request names less than it named before a shim had it. */
    private static boolean isNarrower(InvalidateRequest after, int scope, int flags, int pasid, long first, long size) {
        boolean selected = (scope & Uapi.SCOPE_PASID) != 0;
        boolean ranged = (scope & Uapi.SCOPE_VADDR) != 0;
        return (after.selectsPasid() && (!selected || after.pasid() != pasid))
                || (after.flags() & ~flags) != 0
                || (after.selectsRange()
                        && (!ranged
                                || Long.compareUnsigned(after.vaddr(), first) > 0
                                || Long.compareUnsigned(after.lastVaddr(), first + size - 1) < 0));
    }

    /**
     * Brings a bind to the chip's generation. A format lasts until a newer generation replaces it: where two generations have the same,
     * the number alone changes. Where they differ a shim carries the bind over, or refuses it.
     */
    int rewrite(BindRequest request, Completion completion) {
        int hostSubVersion = agreement.hostSubVersion();
        if (isSame(request, hostSubVersion)) {
            request.retag(hostSubVersion);
            return 0;
        }
        for (int i = 0; i < shims.length; i++) {
            int code = rewrite(request, i, completion);
            if (code != 0) {
                return code;
            }
        }
        return checkRewritten(request, completion);
    }

    /** True if the bind has the same format in another generation. */
    private boolean isSame(BindRequest request, int subVersion) {
        BindFormat format = bindFormat(request.operation(), request.subVersion());
        return request.subVersion() == subVersion
                || (format != null && format.equals(bindFormat(request.operation(), subVersion)));
    }

    /** One step of the path. */
    private int rewrite(BindRequest request, int step, Completion completion) {
        int next = generations[step];
        if (isSame(request, next)) {
            request.retag(next);
            return 0;
        }
        BindTarget before = BindTarget.of(request, bindFormat(request.operation(), request.subVersion()));
        int code = shims[step].rewrite(request, completion);
        if (code != 0) {
            return code;
        }
        if (request.subVersion() != next) {
            return completion.fail(
                    Errno.EIO,
                    "a shim wrote generation " + Generation.text(request.subVersion()) + ", not "
                            + Generation.text(next));
        }
        if (completion.fidelity() == Fidelity.WIDENED) {
            return completion.fail(Errno.EIO, "a shim widened a bind: " + completion.reason());
        }
        return BindTarget.of(request, bindFormat(request.operation(), next)).agrees(before)
                ? 0
                : completion.fail(Errno.EIO, "a shim wrote a bind of something else than the client's");
    }

    /** The bind that shims wrote must keep all rules of the contract, as if a client of the chip's generation had sent it. */
    private int checkRewritten(BindRequest request, Completion completion) {
        Terms terms = reader.terms();
        RequestReader chips = new RequestReader(new Terms(
                terms.abi(),
                terms.model(),
                request.subVersion(),
                terms.payloadLengths(),
                terms.granuleShift(),
                terms.pasidBits(),
                terms.bindFormats()));
        int from = request.payloadOffset();
        byte[] argument = new RequestWriter(terms.abi(), terms.model(), request.subVersion())
                .bind(
                        request.operation(),
                        request.flags(),
                        Arrays.copyOfRange(request.payload(), from, from + request.payloadLength()));
        Completion answer = new Completion();
        return chips.read(Uapi.VFIO_IOMMU_OP, argument, 0, argument.length, answer.begin()) == request.operation()
                ? 0
                : completion.fail(Errno.EIO, "the shims wrote a bind that is refused: " + answer);
    }

    /** The format of an operation in a generation: the newest that is not newer; null if there is none. */
    BindFormat bindFormat(int operation, int subVersion) {
        BindFormat best = null;
        for (BindFormat format : bindFormats) {
            if (format.operation() == operation
                    && Integer.compareUnsigned(format.subVersion(), subVersion) <= 0
                    && (best == null || Integer.compareUnsigned(format.subVersion(), best.subVersion()) > 0)) {
                best = format;
            }
        }
        return best;
    }

    /** True if it refuses everything for good, whatever backend serves. */
    public boolean isStale() {
        return refusal == Errno.ESTALE;
    }

    /** The negotiation's outcome, with its chain of shims. */
    public Negotiated negotiated() {
        return negotiated;
    }
}
