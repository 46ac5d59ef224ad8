package org.iommu4j.simulation.translate;

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
public final class DomainTable<D> {
    /** Most domains; their numbers are below. */
    public static final int MAX_DOMAINS = 1 << 16;

    private Object[] domains = {};

    /**
     * Checks that a domain can be opened.
     *
     * @return 0, or that of the refusal: {@code EINVAL} if the number is not in 0..65535, {@code EEXIST} if it is open
     */
    public int checkNew(int number, Completion completion) {
        if (number < 0 || number >= MAX_DOMAINS) {
            return completion.refuse(null, Errno.EINVAL, "domain", -1, number, "a domain's number is 0 to 65535");
        }
        if (find(number) != null) {
            return completion.refuse(null, Errno.EEXIST, "domain", -1, number, "the domain is open");
        }
        return 0;
    }

    /** The domain of a number, or null. */
    @SuppressWarnings("unchecked")
    public D find(int number) {
        return number >= 0 && number < domains.length ? (D) domains[number] : null;
    }

    /**
     * Adds a domain.
     *
     * @param number 0..65535
     */
    public void put(int number, D domain) {
        Objects.requireNonNull(domain, "domain");
        if (number >= domains.length) {
            domains = Arrays.copyOf(domains, Math.max(number + 1, Math.min(MAX_DOMAINS, 2 * domains.length)));
        }
        domains[number] = domain;
    }

    /** Removes an open domain. */
    public void remove(int number) {
        domains[number] = null;
    }

    /** The open domains, in the order of their numbers. */
    @SuppressWarnings("unchecked")
    public List<D> open() {
        return (List<D>) Arrays.stream(domains).filter(Objects::nonNull).toList();
    }

    /** Refuses a request for a domain that is not open: {@code ENOENT}. */
    public static int notOpen(int number, Completion completion) {
        return completion.refuse(null, Errno.ENOENT, "domain", -1, number, "no such domain");
    }

    /**
     * Refuses a request for a device that the domain does not have: {@code ENODEV}.
     *
     * @param offset of the requester in the payload, in bytes; -1 if it was not in one
     */
    public static int notAttached(int requester, int offset, Completion completion) {
        return completion.refuse(
                null,
                Errno.ENODEV,
                "requester",
                offset,
                Integer.toUnsignedLong(requester),
                "the device is not in the container");
    }
}
