package org.iommu4j.contract;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * The answer to one request: errno, how many were handled, the fidelity, and on a refusal the rule and the offending
 * field. Reused by its owner.
 */
public final class Completion {
    private Errno errno = Errno.OK;
    private int handled;
    private Fidelity fidelity = Fidelity.EXACT;
    private Rule rule;
    private String field = "";
    private int offset = -1;
    private long value;
    private String reason = "";

    /** True if there is more to forget than that it was handled: an exact answer then costs the two writes of its count. */
    private boolean remarkable;

    /** Clears it: nothing handled, nothing refused. Every path into the contract begins with this. */
    public Completion begin() {
        handled = 0;
        if (remarkable) {
            forget();
        }
        return this;
    }

    /** The request is done. */
    public int done(Fidelity how) {
        handled = 1;
        if (remarkable || how != Fidelity.EXACT) {
            errno = Errno.OK;
            fidelity = fidelity.and(how);
            remarkable = true;
        }
        return 0;
    }

    /** More was, or will be, dropped than asked. */
    public void widened(String why) {
        fidelity = Fidelity.WIDENED;
        reason = why;
        remarkable = true;
    }

    /**
     * The request is refused by a rule.
     *
     * @param byRule the rule
     * @param fieldName the offending field
     * @param fieldOffset its offset in bytes from the start of the request, or of the vendor part for vendor rules
     * @param fieldValue its value
     * @param why one short sentence
     * @return the negative errno
     */
    public int refuse(Rule byRule, String fieldName, int fieldOffset, long fieldValue, String why) {
        return refuse(byRule, byRule.errno(), fieldName, fieldOffset, fieldValue, why);
    }

    /** As {@link #refuse(Rule, String, int, long, String)}, with an errno that the model fixes. */
    public int refuse(Rule byRule, Errno withErrno, String fieldName, int fieldOffset, long fieldValue, String why) {
        errno = withErrno;
        handled = 0;
        rule = byRule;
        field = fieldName;
        offset = fieldOffset;
        value = fieldValue;
        reason = why;
        remarkable = true;
        return withErrno.code();
    }

    /**
     * The request is refused for a field of its vendor part.
     *
     * @param byRule the rule; null if the request keeps all rules and what it names is not there, or not as it says
     * @param layout of the vendor part, from which name and place of the field follow
     * @param wrong the offending field
     * @param fieldValue its value
     * @param why one short sentence
     * @return the negative errno
     */
    public int refuse(Rule byRule, Errno withErrno, Layout layout, BitField wrong, long fieldValue, String why) {
        return refuse(byRule, withErrno, wrong.name(), layout.byteOffset(wrong), fieldValue, why);
    }

    /**
     * The request is refused for reserved bits of its vendor part that are set, V34.
     *
     * @param word index of the word that has them
     * @param bits those bits, not 0
     * @return the negative errno
     */
    public int refuseReserved(Layout layout, int word, long bits) {
        return refuse(
                Rule.V34,
                "reserved",
                layout.byteOffset(word, Long.numberOfTrailingZeros(bits)),
                bits,
                "a reserved bit is set");
    }

    /**
     * A call that is no request is refused for one of its arguments.
     *
     * @param argument its name
     * @param argumentValue its value
     * @param why one short sentence
     * @return the negative errno
     */
    public int refuse(Errno withErrno, String argument, long argumentValue, String why) {
        return refuse(null, withErrno, argument, -1, argumentValue, why);
    }

    /** The request failed for a reason that is no rule of the contract. */
    public int fail(Errno withErrno, String why) {
        return refuse(null, withErrno, "", -1, 0, why);
    }

    /** Copies another completion. */
    public void copy(Completion other) {
        errno = other.errno;
        handled = other.handled;
        fidelity = other.fidelity;
        rule = other.rule;
        field = other.field;
        offset = other.offset;
        value = other.value;
        reason = other.reason;
        remarkable = true;
    }

    private void forget() {
        errno = Errno.OK;
        fidelity = Fidelity.EXACT;
        rule = null;
        field = "";
        offset = -1;
        value = 0;
        reason = "";
        remarkable = false;
    }

    /** The error, or {@link Errno#OK}. */
    public Errno errno() {
        return errno;
    }

    /** 1 if the request was carried out, else 0. */
    public int handled() {
        return handled;
    }

    /** How what was done relates to what was asked. */
    public Fidelity fidelity() {
        return fidelity;
    }

    /** The rule that refused it, or null. */
    public Rule rule() {
        return rule;
    }

    /** The offending field; empty if none. */
    public String field() {
        return field;
    }

    /** Offset in bytes of the offending field, or -1. */
    public int offset() {
        return offset;
    }

    /** Value of the offending field. */
    public long value() {
        return value;
    }

    /** Why it was refused or widened; empty if neither. */
    public String reason() {
        return reason;
    }

    @Override
    public String toString() {
        if (errno == Errno.OK) {
            return handled + " handled, " + fidelity + (reason.isEmpty() ? "" : " (" + reason + ")");
        }
        StringBuilder text = new StringBuilder(errno.name());
        if (rule != null) {
            text.append(' ').append(rule.name());
        }
        if (!field.isEmpty()) {
            text.append(' ').append(field);
            if (offset >= 0) {
                text.append(" at byte ").append(offset);
            }
            text.append(" = 0x").append(Long.toHexString(value));
        }
        return text.append(": ")
                .append(reason.isEmpty() ? errno.text() : reason)
                .toString();
    }
}
