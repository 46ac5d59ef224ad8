package org.iommu4j.driver.effect;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Conversion.Outcome;
import org.iommu4j.backend.EffectForm;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Effect;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;

/**
 * Two generations that meet in what a request does: the commands of the one are read as effects, each of which is written as commands
 * of the other. A request whose commands come out as they went in keeps its bytes, however long it is.
 */
public final class EffectShim implements Shim {
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final String ONLY_WAITS = "the commands only wait, and the generic part names what to drop";

    private final IommuModel model;
    private final EffectForm client;
    private final EffectForm chip;

    private EffectShim(IommuModel model, EffectForm client, EffectForm chip) {
        this.model = model;
        this.client = client;
        this.chip = chip;
    }

    /**
     * A shim from each generation to each that has chips.
     *
     * @param forms of all generations
     * @param chips generations that have chips
     */
    public static List<Shim> between(IommuModel model, List<? extends EffectForm> forms, List<Integer> chips) {
        List<Shim> shims = new ArrayList<>();
        for (EffectForm client : forms) {
            for (EffectForm chip : forms) {
                if (client.subVersion() != chip.subVersion() && chips.contains(chip.subVersion())) {
                    shims.add(new EffectShim(model, client, chip));
                }
            }
        }
        return List.copyOf(shims);
    }

    @Override
    public IommuModel model() {
        return model;
    }

    @Override
    public int from() {
        return client.subVersion();
    }

    @Override
    public int to() {
        return chip.subVersion();
    }

    @Override
    public String name() {
        return String.format("%s 0x%04x to 0x%04x", client.name(), from(), to());
    }

    @Override
    public Fidelity fidelity() {
        return conversions().stream().anyMatch(conversion -> conversion.outcome() == Outcome.WIDENED)
                ? Fidelity.WIDENED
                : Fidelity.EXACT;
    }

    @Override
    public List<Conversion> conversions() {
        return chip.conversions(from());
    }

    /** Forms are of invalidations: a bind that the chip's generation has keeps its bytes, and the core does not ask; others it has not. */
    @Override
    public int rewrite(BindRequest request, Completion completion) {
        return request.refuse(
                Rule.V37, Rule.V37.errno(), Uapi.FLAG, "the chip's generation has no such bind", completion);
    }

    /** True if two commands have the same bytes. Word by word: for so few the JDK's comparison of arrays costs as much as writing them. */
    private static boolean isSame(byte[] source, int at, byte[] target, int from, int bytes) {
        int i = 0;
        for (; i + Long.BYTES <= bytes; i += Long.BYTES) {
            if ((long) WORD.get(source, at + i) != (long) WORD.get(target, from + i)) {
                return false;
            }
        }
        for (; i < bytes; i++) {
            if (source[at + i] != target[from + i]) {
                return false;
            }
        }
        return true;
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        int bytes = client.commandBytes();
        if (request.payloadLength() == 0) {
            request.retag(to());
            return 0;
        }
        // Usually it is one command, for which nothing is divided.
        if (request.payloadLength() != bytes && request.payloadLength() % bytes != 0) {
            return request.refuse(
                    Rule.V33, Rule.V33.errno(), Uapi.DATA_LENGTH, "a multiple of the bytes of a command", completion);
        }
        boolean fits = request.payloadLength() <= InvalidateRequest.SCRATCH_BYTES;
        byte[] source = request.payload();
        byte[] target = request.scratch();
        Effect effect = request.effect();
        int end = request.payloadOffset() + request.payloadLength();
        int written = 0;
        boolean same = true;
        boolean widened = false;
        for (int at = request.payloadOffset(); at < end; at += bytes) {
            int code = client.read(request, at, effect, completion);
            if (code != 0) {
                return code;
            }
            boolean all = effect.isAll();
            int from = fits ? written : 0;
            // The commands that are left need room, too: one each at least.
            int to = fits ? target.length - (end - at - bytes) : target.length;
            int count = chip.write(effect, target, from, to, completion);
            if (count < 0) {
                return count;
            }
            widened |= effect.isAll() && !all;
            same &= count == bytes && isSame(source, at, target, from, bytes);
            if (!same && !fits) {
                return request.refuse(
                        Rule.V33, Errno.EOPNOTSUPP, Uapi.DATA_LENGTH, "too many commands to rewrite", completion);
            }
            written += count;
        }
        if (written == 0) {
            return request.refuse(Rule.V35, Rule.V35.errno(), Uapi.DATA_LENGTH, ONLY_WAITS, completion);
        }
        if (same) {
            request.retag(to());
        } else if (widened) {
            request.set(0, 0, 0, 0, 0, to(), target, 0, written);
        } else {
            request.replacePayload(to(), written);
        }
        return 0;
    }
}
