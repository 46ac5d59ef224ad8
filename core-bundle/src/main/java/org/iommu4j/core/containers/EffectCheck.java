package org.iommu4j.core.containers;

import java.util.Arrays;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Effect;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.ContainedForm;

/**
 * Compares what a vendor part drops before and after the shims, whoever brings them: what the client's generation reads in it must be
 * covered by what the chip's reads in the result. Of one container, while one backend serves; used inside the gate.
 */
final class EffectCheck {
    private static final String LESS = "the shims wrote a vendor part that drops less than the client's";
    private static final int USUAL = InvalidateRequest.SCRATCH_BYTES / (2 * Long.BYTES);

    private final ContainedForm client;
    private final ContainedForm chip;
    private Effect[] before = effects(new Effect[USUAL], 0);
    private Effect[] after = effects(new Effect[USUAL], 0);
    private int asked;

    private EffectCheck(ContainedForm client, ContainedForm chip) {
        this.client = client;
        this.chip = chip;
    }

    /** The check between two generations; null if one of them has no form of effects. */
    static EffectCheck of(BackendEntry backend, int client, int chip) {
        ContainedForm first = ContainedForm.of(backend, client);
        ContainedForm second = ContainedForm.of(backend, chip);
        return first == null || second == null ? null : new EffectCheck(first, second);
    }

    private static Effect[] effects(Effect[] room, int from) {
        for (int i = from; i < room.length; i++) {
            room[i] = new Effect();
        }
        return room;
    }

    /**
     * Reads what the client asked for. What its generation refuses is not compared: nobody carries it out.
     *
     * @return 0, or {@code -EIO} if the form breaks
     */
    int begin(InvalidateRequest request, Completion completion) {
        int commands = client.commandsIn(request);
        if (commands > before.length) {
            before = effects(Arrays.copyOf(before, commands), before.length);
        }
        int code = read(client, request, before, commands, completion);
        asked = code == 0 ? commands : 0;
        return Math.min(code, 0);
    }

    /**
     * Compares what came out of the shims with what was asked for.
     *
     * @return 0, or {@code -EIO} if it drops less or the form breaks
     */
    int compare(InvalidateRequest request, Completion completion) {
        int commands = chip.commandsIn(request);
        // Without a vendor part the generic part says everything, and that is compared after each shim.
        if (asked == 0 || commands == 0) {
            return 0;
        }
        if (commands > after.length) {
            after = effects(Arrays.copyOf(after, commands), after.length);
        }
        int code = read(chip, request, after, commands, completion);
        for (int i = 0; i < asked && code == 0; i++) {
            if (!isCovered(before[i], i, commands)) {
                return completion.fail(Errno.EIO, LESS);
            }
        }
        return Math.min(code, 0);
    }

    private int read(
            ContainedForm form, InvalidateRequest request, Effect[] into, int commands, Completion completion) {
        int code = 0;
        for (int i = 0; i < commands && code == 0; i++) {
            int at = request.payloadOffset() + i * form.commandBytes();
            code = form.read(request, at, into[i], completion);
        }
        return code;
    }

    /** True if all that an effect names is covered, by one effect or by several one behind the other. */
    private boolean isCovered(Effect effect, int place, int commands) {
        if (effect.target() == Effect.Target.NOTHING) {
            return true;
        }
        long from = effect.first();
        // Usually commands stay in their order: then the first look finds what is looked for.
        for (int i = Math.min(place, commands - 1), tried = 0; tried < commands; i = (i + 1) % commands) {
            if (!after[i].covers(effect, from)) {
                tried++;
            } else if (Long.compareUnsigned(after[i].lastFor(effect), effect.last()) >= 0) {
                return true;
            } else {
                from = after[i].lastFor(effect) + 1;
                tried = 0;
            }
        }
        return false;
    }
}
