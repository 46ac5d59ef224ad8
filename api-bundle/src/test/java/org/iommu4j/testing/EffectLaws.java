package org.iommu4j.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.BiFunction;
import org.iommu4j.backend.EffectForm;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Effect;
import org.iommu4j.contract.Effect.Target;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;

/**
 * The laws of the forms in which generations say effects, without chips: what is written and read again by the same generation is the same
 * (L1), and what is written by any other covers it (L2), at its ends and in between.
 */
public final class EffectLaws {
    private static final int POINTS = 4;

    private EffectLaws() {}

    /**
     * Checks every pair.
     *
     * @param written generations whose forms write
     * @param requests makes requests of a generation that are right more often than not
     * @param cases for each pair
     * @return the kinds of effects that were seen
     */
    public static Set<Target> check(
            List<? extends EffectForm> forms,
            List<Integer> written,
            BiFunction<Integer, SplittableRandom, InvalidateRequest> requests,
            int cases) {
        Set<Target> seen = new HashSet<>();
        for (EffectForm client : forms) {
            for (EffectForm chip : forms) {
                if (written.contains(chip.subVersion())) {
                    Property.check(cases, random -> seen.addAll(checkOne(client, chip, requests, random)));
                }
            }
        }
        return seen;
    }

    private static Set<Target> checkOne(
            EffectForm client,
            EffectForm chip,
            BiFunction<Integer, SplittableRandom, InvalidateRequest> requests,
            SplittableRandom random) {
        Set<Target> seen = new HashSet<>();
        InvalidateRequest request = requests.apply(client.subVersion(), random);
        Effect effect = new Effect();
        int end = request.payloadOffset() + request.payloadLength();
        for (int at = request.payloadOffset(); at < end; at += client.commandBytes()) {
            if (client.read(request, at, effect, new Completion().begin()) == 0) {
                seen.add(effect.target());
                writeAndRead(effect, client.subVersion() == chip.subVersion(), chip, random);
            }
        }
        return seen;
    }

    private static void writeAndRead(Effect effect, boolean same, EffectForm chip, SplittableRandom random) {
        Effect asked = new Effect().copy(effect);
        Completion completion = new Completion().begin();
        byte[] bytes = new byte[InvalidateRequest.SCRATCH_BYTES];
        // Little room now and then: what does not fit is widened.
        int room = chip.commandBytes() * (1 + random.nextInt(bytes.length / chip.commandBytes()));
        int count = chip.write(effect, bytes, 0, room, completion);
        if (count < 0) {
            return;
        }
        List<Effect> read = readAll(chip, Arrays.copyOf(bytes, count));
        boolean widened = completion.fidelity() == Fidelity.WIDENED;
        for (int i = 0; i < POINTS && asked.target() != Target.NOTHING; i++) {
            long span = asked.last() - asked.first();
            long point = asked.first() + (i == 0 ? 0 : i == 1 || span == 0 ? span : random.nextLong() & span);
            assertTrue(
                    read.stream().anyMatch(one -> one.covers(asked, point)),
                    () -> chip.name() + " writes " + asked + " as " + read + ", not " + Long.toHexString(point));
        }
        // A generation may have chips with and without ranges: then it writes none, and drops the hints of a range.
        boolean hinted = asked.granuleShift() != 0 && read.stream().allMatch(one -> one.granuleShift() == 0);
        if (same && !widened && asked.target() != Target.NOTHING && !hinted) {
            assertEquals(
                    List.of(asked.toString()),
                    read.stream().map(Effect::toString).toList());
        }
    }

    private static List<Effect> readAll(EffectForm form, byte[] payload) {
        InvalidateRequest request =
                new InvalidateRequest().set(0, 0, 0, 0, 0, form.subVersion(), payload, 0, payload.length);
        List<Effect> read = new ArrayList<>();
        for (int at = 0; at < payload.length; at += form.commandBytes()) {
            Effect one = new Effect();
            Completion completion = new Completion().begin();
            assertEquals(0, form.read(request, at, one, completion), completion::toString);
            read.add(one);
        }
        return read;
    }
}
