package org.iommu4j.driver.invalidate;

import java.util.function.Predicate;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * The vendor part of an invalidation in one layout, whose length the core has checked. Reused by its owner for request after
 * request; reading allocates nothing.
 */
public final class InvalidatePart {
    private final PartWords part;
    private final long[] words;

    /**
     * Parts of a generation. A client cannot know what the host's hardware has: what needs a capability is reserved.
     *
     * @param layout whole words of 64 bits
     */
    public InvalidatePart(Layout layout, int subVersion) {
        this(layout, subVersion, capability -> false);
    }

    /**
     * Parts of a generation whose clients know of some capabilities.
     *
     * @param layout whole words of 64 bits
     * @param known the capabilities by the names of the layout's fields; what needs another one is reserved
     */
    public InvalidatePart(Layout layout, int subVersion, Predicate<String> known) {
        part = new PartWords(layout, subVersion, known);
        words = new long[layout.words()];
    }

    /**
     * Takes the words of a request that has a vendor part.
     *
     * @return 0, or the negative errno of the first word with a reserved bit, V34, with {@code completion} filled
     */
    public int read(InvalidateRequest request, Completion completion) {
        take(request);
        return part.checkReserved(request, completion);
    }

    /** Takes the words of a request that has a vendor part, whatever their reserved bits: an opcode says which layout it has. */
    public void take(InvalidateRequest request) {
        for (int word = 0; word < words.length; word++) {
            words[word] = part.word(request, word);
        }
    }

    /** A word of the request that was read last. */
    public long word(int word) {
        return words[word];
    }

    /** A field of the request that was read last, unsigned. */
    public long get(BitField field) {
        return field.get(words[field.word()]);
    }

    /** A field of at most 32 bits. */
    public int getInt(BitField field) {
        return (int) get(field);
    }

    /** True if a field is not 0. */
    public boolean isSet(BitField field) {
        return field.isSet(words[field.word()]);
    }

    /** Refuses the request for a field, with the rule's own errno; returns the negative errno. */
    public int refuse(Rule rule, BitField field, String why, Completion completion) {
        return refuse(rule, rule.errno(), field, get(field), why, completion);
    }

    /**
     * Refuses the request for a field.
     *
     * @param rule the rule; null if the request keeps all rules and what it names is not there
     * @return the negative errno
     */
    public int refuse(Rule rule, Errno errno, BitField field, String why, Completion completion) {
        return refuse(rule, errno, field, get(field), why, completion);
    }

    /**
     * Refuses the request for a field.
     *
     * @param value what is wrong, where it is more than the field
     * @return the negative errno
     */
    public int refuse(Rule rule, Errno errno, BitField field, long value, String why, Completion completion) {
        return completion.refuse(rule, errno, part.layout(), field, value, why);
    }
}
