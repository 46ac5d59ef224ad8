package org.iommu4j.driver.translate;

import java.util.List;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Mapping;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.page.PageRequestBooks;
import org.iommu4j.driver.table.MappedDomain;
import org.iommu4j.driver.table.MemoryMaps;

/**
 * A translator whose domains may have memory maps, and whose devices may ask for pages.
 *
 * @param <D> what the vendor keeps of a domain
 */
public interface MappingTranslator<D extends MappedDomain<?>> extends ComposedTranslator<D> {
    /** Memory maps of its domains. */
    MemoryMaps<D> maps();

    /** Page requests of its devices; null if the chip has none. */
    PageRequestBooks pageRequests();

    /** Why the chip has none: the field and its value that say so. */
    String noPageRequests();

    @Override
    default MemoryMapSupport memoryMap() {
        return maps().support();
    }

    @Override
    default int beginMap(int domain, Completion completion) {
        D target = books().find(domain);
        return target == null ? Answers.notOpen(domain, completion) : maps().begin(target, completion);
    }

    @Override
    default int map(int domain, Mapping mapping, Completion completion) {
        D target = books().find(domain);
        return target == null ? Answers.notOpen(domain, completion) : maps().map(target, mapping, completion);
    }

    @Override
    default int unmap(int domain, long first, long last, Completion completion) {
        D target = books().find(domain);
        return target == null ? Answers.notOpen(domain, completion) : maps().unmap(target, first, last, completion);
    }

    @Override
    default int takePageRequests(int domain, List<PageRequest> taken, Completion completion) {
        return hasPageRequests(domain, completion)
                ? pageRequests().take(domain, taken, completion)
                : completion.errno().code();
    }

    @Override
    default int respond(int domain, PageRequest last, PageResponse response, Completion completion) {
        return hasPageRequests(domain, completion)
                ? pageRequests().respond(domain, last, response, completion)
                : completion.errno().code();
    }

    private boolean hasPageRequests(int domain, Completion completion) {
        if (books().find(domain) == null) {
            Answers.notOpen(domain, completion);
            return false;
        }
        if (pageRequests() == null) {
            completion.fail(Errno.EOPNOTSUPP, "the chip has no page requests: " + noPageRequests());
            return false;
        }
        return true;
    }
}
