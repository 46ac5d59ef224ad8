package org.iommu4j.testing;

import java.util.List;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Mapping;

/** A driver that passes every call on to another one. A test changes what it needs to by overriding it. */
public class ForwardingTranslator implements Translator {
    private final Translator target;

    /** Passes calls on to {@code target}. */
    public ForwardingTranslator(Translator target) {
        this.target = target;
    }

    @Override
    public int subVersion() {
        return target.subVersion();
    }

    @Override
    public int openDomain(int domain, Completion completion) {
        return target.openDomain(domain, completion);
    }

    @Override
    public int closeDomain(int domain, Completion completion) {
        return target.closeDomain(domain, completion);
    }

    @Override
    public int attach(int domain, int requester, long table, int levels, Completion completion) {
        return target.attach(domain, requester, table, levels, completion);
    }

    @Override
    public int detach(int domain, int requester, Completion completion) {
        return target.detach(domain, requester, completion);
    }

    @Override
    public int bind(int domain, BindRequest request, Completion completion) {
        return target.bind(domain, request, completion);
    }

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        return target.invalidate(domain, request, completion);
    }

    @Override
    public int finish(Completion completion) {
        return target.finish(completion);
    }

    @Override
    public MemoryMapSupport memoryMap() {
        return target.memoryMap();
    }

    @Override
    public int beginMap(int domain, Completion completion) {
        return target.beginMap(domain, completion);
    }

    @Override
    public int map(int domain, Mapping mapping, Completion completion) {
        return target.map(domain, mapping, completion);
    }

    @Override
    public int unmap(int domain, long first, long last, Completion completion) {
        return target.unmap(domain, first, last, completion);
    }

    @Override
    public int takePageRequests(int domain, List<PageRequest> taken, Completion completion) {
        return target.takePageRequests(domain, taken, completion);
    }

    @Override
    public int respond(int domain, PageRequest last, PageResponse response, Completion completion) {
        return target.respond(domain, last, response, completion);
    }

    @Override
    public Snapshot save() {
        return target.save();
    }

    @Override
    public void tap(NativeCommandListener listener) {
        target.tap(listener);
    }
}
