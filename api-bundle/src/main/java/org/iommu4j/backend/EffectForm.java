package org.iommu4j.backend;

import java.util.List;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Effect;
import org.iommu4j.contract.InvalidateRequest;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * The form in which one generation says effects in the vendor part of an invalidation: its spoke of the wheel whose hub is the {@link Effect}. Any two
 * generations of a model meet by reading with the form of the one and writing with that of the other, so that n generations need n
 * forms. Stateless.
 */
@ConsumerType
public interface EffectForm {
    /** The generation. */
    int subVersion();

    /** Name of its vendor parts in a few words, for the names of shims. */
    String name();

    /** Bytes of one command of a vendor part. */
    int commandBytes();

    /**
     * Reads one command of a vendor part, and refuses what the generation does not have, as its driver would.
     *
     * @param at where the command begins in {@link InvalidateRequest#payload}
     * @return 0, or a negative errno with {@code completion} filled
     */
    int read(InvalidateRequest request, int at, Effect effect, Completion completion);

    /**
     * Writes an effect, as one command or as several. What the generation cannot say is written wider: then {@code effect} is made what
     * was written, and {@code completion} says that it is widened and why. Never narrower.
     *
     * @param bytes where to, from {@code at} to {@code end}; there is room for one command at least
     * @return how many bytes were written, or a negative errno with {@code completion} filled
     */
    int write(Effect effect, byte[] bytes, int at, int end, Completion completion);

    /** Outcome of each operation of a client of another generation when this form writes it, for agreements. */
    List<Conversion> conversions(int client);
}
