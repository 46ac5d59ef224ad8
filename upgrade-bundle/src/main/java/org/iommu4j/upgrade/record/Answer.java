package org.iommu4j.upgrade.record;

import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;

/**
 * Answer to one request.
 *
 * @param errno the error, or {@link Errno#OK}
 * @param handled 1 if it was carried out, else 0
 * @param fidelity how what was done relates to what was asked
 * @param rule id of the rule that refused it; empty if none did
 * @param field the offending field; empty if none
 * @param offset offset in bytes of the offending field, or -1
 * @param value value of the offending field
 * @param reason why it was refused or widened; empty if neither
 * @param known true if the native commands and the dropped entries before it are its whole effect; false if a swap came
 *     between, or no backend could be asked
 */
record Answer(
        Errno errno,
        int handled,
        Fidelity fidelity,
        String rule,
        String field,
        int offset,
        long value,
        String reason,
        boolean known) {
    /** Longest text in characters; a longer one is cut. */
    static final int MAX_TEXT = 4096;

    /** Cuts what is too long; there is one way to say that there is no offset. */
    Answer {
        offset = Math.max(-1, offset);
        field = cut(field);
        reason = cut(reason);
    }

    /** The answer in a completion. */
    static Answer of(Completion completion, boolean known) {
        return new Answer(
                completion.errno(),
                completion.handled(),
                completion.fidelity(),
                completion.rule() == null ? "" : completion.rule().name(),
                completion.field(),
                completion.offset(),
                completion.value(),
                completion.reason(),
                known);
    }

    /** The same of which native commands and dropped entries are not known. */
    Answer unknown() {
        return new Answer(errno, handled, fidelity, rule, field, offset, value, reason, false);
    }

    /** True if it says that the request waited in vain: the core has turned it away, and no backend has seen it. */
    boolean turnedAway() {
        return rule.isEmpty()
                && field.isEmpty()
                && (errno == Errno.ENODEV || errno == Errno.EBUSY || errno == Errno.ETIMEDOUT);
    }

    private static String cut(String text) {
        return text.length() <= MAX_TEXT ? text : text.substring(0, MAX_TEXT);
    }
}
