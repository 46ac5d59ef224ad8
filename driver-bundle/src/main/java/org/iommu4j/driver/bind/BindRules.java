package org.iommu4j.driver.bind;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiPredicate;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.layout.BitField;

/**
 * Rules that must hold of a bind before anything is changed: rows that are asked in the contract's order: V34, V36, V35,
 * then what is not there or not free. The first that does not hold refuses the bind.
 *
 * @param <C> what else a row may ask, as the domain or the device that the bind is about
 */
public final class BindRules<C> {
    private record Row<C>(Rule rule, Errno errno, BitField field, String why, BiPredicate<BindPart, C> holds) {}

    private final List<Row<C>> rows = new ArrayList<>();

    /**
     * Adds a row about a field of the vendor part, with the rule's own errno.
     *
     * @param why what is wrong if it does not hold, one short sentence
     */
    public BindRules<C> row(Rule rule, BitField field, String why, BiPredicate<BindPart, C> holds) {
        return row(rule, rule.errno(), field, why, holds);
    }

    /**
     * Adds a row about a field of the vendor part.
     *
     * @param rule the rule; null for a request that keeps all rules while what it names is not there, or not free
     * @param why what is wrong if it does not hold, one short sentence
     */
    public BindRules<C> row(Rule rule, Errno errno, BitField field, String why, BiPredicate<BindPart, C> holds) {
        if (!rows.isEmpty() && isBefore(rule, rows.get(rows.size() - 1).rule())) {
            throw new IllegalArgumentException("a row of " + rule + " comes too late: " + why);
        }
        rows.add(new Row<>(rule, errno, field, why, holds));
        return this;
    }

    /** Adds a row about the flags of the header, with the rule's own errno. */
    public BindRules<C> flags(Rule rule, String why, BiPredicate<BindPart, C> holds) {
        return row(rule, null, why, holds);
    }

    /** Adds a row about the flags of the header. */
    public BindRules<C> flags(Rule rule, Errno errno, String why, BiPredicate<BindPart, C> holds) {
        return row(rule, errno, null, why, holds);
    }

    /** Adds a row about a field whose value the chip cannot carry out: V34, {@code EOPNOTSUPP}. */
    public BindRules<C> unsupported(BitField field, String why, BiPredicate<BindPart, C> holds) {
        return row(Rule.V34, Errno.EOPNOTSUPP, field, why, holds);
    }

    /** Adds a row about flags that the chip cannot carry out: V34, {@code EOPNOTSUPP}. */
    public BindRules<C> unsupported(String why, BiPredicate<BindPart, C> holds) {
        return unsupported(null, why, holds);
    }

    /** Adds a row about the flags of the header: one is set only where another is, V35. */
    public BindRules<C> needs(BitField flag, BitField other) {
        return flags(
                Rule.V35,
                flag.name() + " needs " + other.name(),
                (part, about) -> !part.hasFlag(flag) || part.hasFlag(other));
    }

    /** Adds a row about what a field names, and what is in use otherwise: {@code EBUSY}. */
    public BindRules<C> free(BitField field, String why, BiPredicate<BindPart, C> holds) {
        return row(null, Errno.EBUSY, field, why, holds);
    }

    /** Adds a row about what a field names, and what is to be bound already: {@code ENOENT}. */
    public BindRules<C> bound(BitField field, String why, BiPredicate<BindPart, C> holds) {
        return row(null, Errno.ENOENT, field, why, holds);
    }

    /** Adds a row about the device that a field names, which is to be in the container: {@code ENODEV}. */
    public BindRules<C> attached(BitField requester, BiPredicate<BindPart, C> holds) {
        return row(null, Errno.ENODEV, requester, Answers.NOT_ATTACHED, holds);
    }

    /**
     * Asks all rows.
     *
     * @return 0, or the negative errno of the first that does not hold
     */
    public int check(BindPart part, C about, Completion completion) {
        for (Row<C> row : rows) {
            if (!row.holds().test(part, about)) {
                return row.field() == null
                        ? part.refuseFlags(row.rule(), row.errno(), row.why(), completion)
                        : part.refuse(row.rule(), row.errno(), row.field(), row.why(), completion);
            }
        }
        return 0;
    }

    private static boolean isBefore(Rule rule, Rule other) {
        return rule != null && (other == null || rule.compareTo(other) < 0);
    }
}
