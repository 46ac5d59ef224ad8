package org.iommu4j.amd.shim;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * A guest's command between generations 0x0100 to 0x0310, whose commands have the same bits: an older one can do less. GN has no
 * meaning before 0x0200 and is refused (H2), since no guest translation can exist there; the type of a device TLB invalidation is
 * cleared before 0x0300 (H5), which asks for more. Everything else is carried over, so that the translator refuses what it would
 * have refused.
 *
 * <p>Generation 0x0320 has no shim: its guests name domains of their own, and its GCR3 roots are guest addresses (H16).
 */
public final class GuestCommandShim implements Shim {
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int BYTES = AmdViCommand.BYTES;
    private static final String NO_TYPES = "the host's generation cannot say how devices flush";

    private static final List<Integer> GENERATIONS =
            List.of(AmdViGeneration.V1, AmdViGeneration.V2, AmdViGeneration.V3, AmdViGeneration.SNP);

    private final int from;
    private final int to;

    private GuestCommandShim(int from, int to) {
        this.from = from;
        this.to = to;
    }

    /** A shim for every pair of generations. */
    public static List<Shim> all() {
        List<Shim> shims = new ArrayList<>();
        for (int guest : GENERATIONS) {
            for (int host : GENERATIONS) {
                if (guest != host) {
                    shims.add(new GuestCommandShim(guest, host));
                }
            }
        }
        return List.copyOf(shims);
    }

    @Override
    public IommuModel model() {
        return IommuModel.AMD;
    }

    @Override
    public int from() {
        return from;
    }

    @Override
    public int to() {
        return to;
    }

    @Override
    public String name() {
        return String.format("AMD-Vi command 0x%04x to 0x%04x", from, to);
    }

    @Override
    public Fidelity fidelity() {
        return losesTypes() ? Fidelity.WIDENED : Fidelity.EXACT;
    }

    private boolean losesTypes() {
        return from >= AmdViGeneration.V3 && to < AmdViGeneration.V3;
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        if (request.payloadLength() == 0) {
            request.retag(to);
            return 0;
        }
        if (request.payloadLength() != BYTES) {
            return completion.refuse(Rule.V33, "length", -1, request.payloadLength(), "the vendor part has 16 bytes");
        }
        long word0 = (long) WORD.get(request.payload(), request.payloadOffset());
        long word1 = (long) WORD.get(request.payload(), request.payloadOffset() + Long.BYTES);
        boolean deviceTlb = AmdViCommand.opcodeOf(word0) == AmdViCommand.OP_IOTLB_PAGES;
        boolean pages = AmdViCommand.opcodeOf(word0) == AmdViCommand.OP_IOMMU_PAGES;
        if (to == AmdViGeneration.V1 && (deviceTlb || pages)) {
            Layout layout = pages ? InvalidateIommuPages.LAYOUT : InvalidateIotlbPages.LAYOUT;
            BitField gn = pages ? InvalidateIommuPages.GN : InvalidateIotlbPages.GN;
            if (gn.isSet(word1)) {
                return completion.refuse(
                        Rule.V24, Errno.EOPNOTSUPP, layout, gn, 1, "the host's generation has no guest tables");
            }
        }
        if (deviceTlb && losesTypes()) {
            long type = InvalidateIotlbPages.TYPE.get(word1);
            if (type != 0 && !InvalidateIotlbPages.TYPE.isReservedValue(type)) {
                completion.widened(NO_TYPES);
                word1 = InvalidateIotlbPages.TYPE.set(word1, 0);
            }
        }
        WORD.set(request.scratch(), 0, word0);
        WORD.set(request.scratch(), Long.BYTES, word1);
        request.replacePayload(to, BYTES);
        return 0;
    }
}
