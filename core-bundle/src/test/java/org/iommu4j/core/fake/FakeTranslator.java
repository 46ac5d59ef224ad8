package org.iommu4j.core.fake;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;

/**
 * A driver that expects the invalidations of each domain to be numbered in their {@code vaddr}: 1, 2, 3 pages and so on.
 * The number that comes next is part of its state, so that a request that is lost, doubled or out of order is seen even
 * across backends. A vendor part whose first byte is 0xEE is illegal.
 */
final class FakeTranslator implements Translator {
    private final FakeBackend backend;
    private final int subVersion;
    private final NativePort port;
    private final Map<Integer, Long> lastNumber = new TreeMap<>();
    private final Map<Integer, Integer> domainOf = new TreeMap<>();

    /** Mappings of each domain that has a map, by their first address. */
    private final Map<Integer, TreeMap<Long, Mapping>> memory = new TreeMap<>();

    private final long[] writtenNumbers = new long[1 << 16];
    private final int[] writtenDomains = new int[1 << 16];
    private int written;
    private NativeCommandListener tap;

    FakeTranslator(FakeBackend backend, int subVersion, NativePort port) {
        this.backend = backend;
        this.subVersion = subVersion;
        this.port = port;
    }

    static FakeTranslator restored(FakeBackend backend, Snapshot state, NativePort port) {
        ByteBuffer in = ByteBuffer.wrap(state.bytes());
        FakeTranslator translator = new FakeTranslator(backend, in.getInt(), port);
        for (int left = in.getInt(); left > 0; left--) {
            translator.lastNumber.put(in.getInt(), in.getLong());
        }
        for (int left = in.getInt(); left > 0; left--) {
            TreeMap<Long, Mapping> mapped = new TreeMap<>();
            translator.memory.put(in.getInt(), mapped);
            for (int mappings = in.getInt(); mappings > 0; mappings--) {
                Mapping mapping = new Mapping(in.getLong(), in.getLong(), in.getLong(), in.getInt());
                mapped.put(mapping.iova(), mapping);
            }
        }
        while (in.hasRemaining()) {
            translator.domainOf.put(in.getInt(), in.getInt());
        }
        return translator;
    }

    @Override
    public int subVersion() {
        backend.traps().pass("subVersion");
        return subVersion;
    }

    @Override
    public int openDomain(int domain, Completion completion) {
        backend.traps().pass("openDomain");
        if (lastNumber.containsKey(domain)) {
            return completion.fail(Errno.EEXIST, "domain " + domain + " is open");
        }
        lastNumber.put(domain, 0L);
        backend.journal().event(backend.version() + " open " + domain);
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int closeDomain(int domain, Completion completion) {
        backend.traps().pass("closeDomain");
        if (lastNumber.remove(domain) == null) {
            return completion.fail(Errno.ENOENT, "domain " + domain + " is not open");
        }
        memory.remove(domain);
        for (int requester : new TreeSet<>(domainOf.keySet())) {
            if (domainOf.get(requester) == domain) {
                domainOf.remove(requester);
                map(requester, 0);
            }
        }
        backend.journal().event(backend.version() + " close " + domain);
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int attach(int domain, int requester, long table, int levels, Completion completion) {
        backend.traps().pass("attach");
        if (domainOf.putIfAbsent(requester, domain) != null) {
            return completion.fail(Errno.EBUSY, "the device is attached");
        }
        map(requester, table + 1);
        backend.journal().event(backend.version() + " attach " + domain + " " + requester + " " + table);
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int detach(int domain, int requester, Completion completion) {
        backend.traps().pass("detach");
        if (!domainOf.remove(requester, domain)) {
            return completion.fail(Errno.ENODEV, "the device is not attached");
        }
        map(requester, 0);
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int bind(int domain, BindRequest request, Completion completion) {
        backend.traps().pass("bind");
        long[] words = FakeBackend.BIND.decode(request.payload(), request.payloadOffset());
        int requester = FakeBackend.BIND.field("requester").getInt(words[0]);
        if (domainOf.getOrDefault(requester, -1) != domain) {
            return completion.refuse(Rule.V35, "requester", 0, requester, "the device is not in the domain");
        }
        map(requester, request.unbinds() ? 0 : words[1] + 1);
        backend.journal()
                .event(backend.version() + (request.unbinds() ? " unbind " : " bind ") + requester + " 0x"
                        + Long.toHexString(words[1]));
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public MemoryMapSupport memoryMap() {
        backend.traps().pass("memoryMap");
        return backend.memoryMaps();
    }

    @Override
    public int beginMap(int domain, Completion completion) {
        backend.traps().pass("beginMap");
        if (MemoryMapSupport.NONE.equals(backend.memoryMaps())) {
            return completion.fail(Errno.EOPNOTSUPP, "no memory maps");
        }
        memory.put(domain, new TreeMap<>());
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int map(int domain, Mapping mapping, Completion completion) {
        backend.traps().pass("map");
        backend.journal().event(backend.version() + " map " + domain + " " + mapping);
        memory.get(domain).put(mapping.iova(), mapping);
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int takePageRequests(int domain, List<PageRequest> taken, Completion completion) {
        backend.traps().pass("takePageRequests");
        taken.addAll(backend.pageRequests());
        backend.pageRequests().clear();
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int respond(int domain, PageRequest last, PageResponse response, Completion completion) {
        backend.traps().pass("respond");
        backend.answered().add(last);
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int unmap(int domain, long first, long last, Completion completion) {
        backend.traps().pass("unmap");
        backend.journal()
                .event(backend.version() + " unmap " + domain + " 0x" + Long.toHexString(first) + "..0x"
                        + Long.toHexString(last));
        for (Mapping mapping : List.copyOf(memory.get(domain).values())) {
            boolean outside =
                    Long.compareUnsigned(mapping.last(), first) < 0 || Long.compareUnsigned(mapping.iova(), last) > 0;
            if (outside) {
                continue;
            }
            if (Long.compareUnsigned(mapping.iova(), first) < 0 || Long.compareUnsigned(mapping.last(), last) > 0) {
                throw new IllegalStateException(mapping + " is cut");
            }
            memory.get(domain).remove(mapping.iova());
        }
        return completion.done(Fidelity.EXACT);
    }

    /** Mappings of a domain; null if it has no map. */
    List<Mapping> memoryOf(int domain) {
        return memory.containsKey(domain) ? List.copyOf(memory.get(domain).values()) : null;
    }

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        backend.traps().pass("invalidate");
        backend.given(completion);
        backend.usePort(port);
        if (request.subVersion() != subVersion) {
            return completion.refuse(Rule.V30, "sub_version", -1, request.subVersion(), "not of this chip");
        }
        if (request.payloadLength() > 0 && request.payload()[request.payloadOffset()] == (byte) 0xEE) {
            return completion.refuse(Rule.V34, "opcode", 0, 0xEE, "no such command");
        }
        if (request.selectsPasid()) {
            return request.refuse(Rule.V17, Rule.V17.errno(), Uapi.PASID, "this chip has none", completion);
        }
        long pages = request.size() >>> 12;
        if (pages > 1) {
            return piece(domain, request, pages, completion);
        }
        long number = request.vaddr() >>> 12;
        if (request.selectsRange()) {
            long last = lastNumber.get(domain);
            if (number != last + 1) {
                backend.journal().event("domain " + domain + ": " + number + " after " + last);
            }
            lastNumber.put(domain, number);
        }
        writtenDomains[written] = domain;
        writtenNumbers[written] = number;
        written++;
        port.writeRegister(FakeHardware.COMMAND, 8, number);
        if (tap != null) {
            tap.command(new byte[] {(byte) number});
        }
        if (request.leafOnly()) {
            completion.widened("no leaf-only invalidation");
        }
        return 0;
    }

    /** A long request: some pages at a time. */
    private int piece(int domain, InvalidateRequest request, long pages, Completion completion) {
        long from = request.progress();
        long to = Math.min(pages, from + backend.piecePages());
        backend.traps().pass("piece");
        backend.journal().event(backend.version() + " pages " + domain + " " + from + ".." + to);
        if (request.leafOnly()) {
            completion.widened("no leaf-only invalidation");
        }
        request.progress(to);
        return to < pages ? UNFINISHED : completion.done(Fidelity.EXACT);
    }

    @Override
    public int finish(Completion completion) {
        backend.traps().pass("finish");
        for (int i = 0; i < written; i++) {
            if (writtenNumbers[i] != 0) {
                backend.journal().completed(writtenDomains[i], writtenNumbers[i]);
            }
        }
        written = 0;
        return 0;
    }

    @Override
    public Snapshot save() {
        backend.traps().pass("saveTranslator");
        int mappings = memory.values().stream().mapToInt(TreeMap::size).sum();
        ByteBuffer out = ByteBuffer.allocate(
                12 + lastNumber.size() * 12 + domainOf.size() * 8 + memory.size() * 8 + mappings * 28);
        out.putInt(subVersion).putInt(lastNumber.size());
        lastNumber.forEach((domain, number) -> out.putInt(domain).putLong(number));
        out.putInt(memory.size());
        memory.forEach((domain, mapped) -> {
            out.putInt(domain).putInt(mapped.size());
            for (Mapping mapping : mapped.values()) {
                out.putLong(mapping.iova()).putLong(mapping.pa()).putLong(mapping.size());
                out.putInt(mapping.flags());
            }
        });
        domainOf.forEach((requester, domain) -> out.putInt(requester).putInt(domain));
        return new Snapshot(IommuModel.INTEL, Snapshot.Kind.TRANSLATOR, backend.stateWritten(), out.array());
    }

    @Override
    public void tap(NativeCommandListener listener) {
        backend.traps().pass("tap");
        tap = listener;
    }

    private void map(int requester, long basePlusOne) {
        port.writeRegister(FakeHardware.MAP + 8L * requester, 8, basePlusOne);
    }
}
