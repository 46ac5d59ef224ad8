package org.iommu4j.driver.translate;

import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.domain.DomainBooks;
import org.iommu4j.driver.domain.DomainRecord;

/**
 * A translator whose domains and devices are in {@link DomainBooks}.
 *
 * @param <D> what the vendor keeps of a domain
 */
public interface ComposedTranslator<D extends DomainRecord<?>> extends Translator {
    /** Books of its domains and devices. */
    DomainBooks<D, ?> books();

    /** As {@link #bind(int, BindRequest, Completion)}, of an open domain. */
    int bindIn(D domain, BindRequest request, Completion completion);

    @Override
    default int openDomain(int domain, Completion completion) {
        return books().open(domain, completion);
    }

    @Override
    default int closeDomain(int domain, Completion completion) {
        return books().close(domain, completion);
    }

    @Override
    default int attach(int domain, int requester, long table, int levels, Completion completion) {
        return books().attach(domain, requester, table, levels, completion);
    }

    @Override
    default int detach(int domain, int requester, Completion completion) {
        return books().detach(domain, requester, completion);
    }

    @Override
    default int bind(int domain, BindRequest request, Completion completion) {
        D target = books().find(domain);
        return target == null ? Answers.notOpen(domain, completion) : bindIn(target, request, completion);
    }
}
