package org.iommu4j.driver.domain;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;

/**
 * The open domains of a translator, by the number that the core gives them. Finding one allocates nothing.
 *
 * @param <D> what the vendor keeps of a domain
 */
final class DomainTable<D extends DomainRecord<?>> {
    /** Most domains; their numbers are below. */
    static final int MAX_DOMAINS = 1 << 16;

    /** Of the type of what is found, so that finding casts nothing: a cast to an interface costs as much as the rest. */
    private DomainRecord<?>[] domains = {};

    /**
     * Checks that a domain can be opened.
     *
     * @return 0, or that of the refusal: {@code EINVAL} if the number is not in 0..65535, {@code EEXIST} if it is open
     */
    int checkNew(int number, Completion completion) {
        if (number < 0 || number >= MAX_DOMAINS) {
            return completion.refuse(Errno.EINVAL, "domain", number, "a domain's number is 0 to 65535");
        }
        if (find(number) != null) {
            return completion.refuse(Errno.EEXIST, "domain", number, "the domain is open");
        }
        return 0;
    }

    /** The domain of a number, or null. */
    @SuppressWarnings("unchecked")
    D find(int number) {
        return number >= 0 && number < domains.length ? (D) domains[number] : null;
    }

    /**
     * Adds a domain.
     *
     * @param number 0..65535
     */
    void put(int number, D domain) {
        Objects.requireNonNull(domain, "domain");
        if (number >= domains.length) {
            domains = Arrays.copyOf(domains, Math.max(number + 1, Math.min(MAX_DOMAINS, 2 * domains.length)));
        }
        domains[number] = domain;
    }

    /** Removes an open domain. */
    void remove(int number) {
        domains[number] = null;
    }

    /** The open domains, in the order of their numbers. */
    @SuppressWarnings("unchecked")
    List<D> open() {
        return (List<D>) Arrays.stream(domains).filter(Objects::nonNull).toList();
    }
}
