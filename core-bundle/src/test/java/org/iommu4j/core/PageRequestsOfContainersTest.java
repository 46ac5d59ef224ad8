package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.fake.FakeBackend;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.Unit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Page requests on their way through the core. */
@Timeout(60)
class PageRequestsOfContainersTest {
    private static final PageRequest REQUEST =
            new PageRequest(7, DmaAccess.NO_PASID, 0x1000, true, false, false, false, true, 1);

    private final Bench bench = new Bench();
    private final FakeBackend backend = bench.arrived("1.0.0");
    private final Unit unit = bench.unit(1);
    private final Container container = Bench.container(unit, 1);

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void shouldBringRequestsToTheClientAndItsAnswersToTheDriver() {
        assertEquals(PageRequest.Outcome.QUEUED, unit.request(REQUEST));
        List<PageRequest> taken = new ArrayList<>();
        assertEquals(0, container.takePageRequests(taken, new Completion()));
        assertEquals(List.of(REQUEST), taken);
        assertEquals(0, container.takePageRequests(taken, new Completion()));
        assertEquals(1, taken.size());
        assertEquals(0, container.respond(REQUEST, PageResponse.SUCCESS, new Completion()));
        assertEquals(List.of(REQUEST), backend.answered());
    }

    @Test
    void shouldRefuseOnceTheContainerIsClosed() {
        container.close();
        Completion completion = new Completion();
        container.takePageRequests(new ArrayList<>(), completion);
        assertEquals(Errno.ESTALE, completion.errno());
        container.respond(REQUEST, PageResponse.SUCCESS, completion);
        assertEquals(Errno.ESTALE, completion.errno());
        assertEquals(List.of(), backend.answered());
    }

    @Test
    void shouldDropRequestsWithoutABackend() {
        bench.core.leaving(backend);
        assertEquals(PageRequest.Outcome.DROPPED, unit.request(REQUEST));
    }
}
