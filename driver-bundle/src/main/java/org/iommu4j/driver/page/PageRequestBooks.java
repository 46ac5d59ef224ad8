package org.iommu4j.driver.page;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.domain.TranslationTags;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The page requests of each domain. The chip's queue is emptied when a guest asks for its requests, and when a binding ends. Every
 * group whose last request was read is answered exactly once: by its guest; as invalid if nobody is to get it, or when its binding
 * ends; with success, so that the device tries again, if too many wait.
 */
public final class PageRequestBooks {
    /** Most requests that wait for the guest of a domain. */
    public static final int MOST_WAITING = 1024;

    /** Most groups that the guest of a domain has taken and not answered, with all that it may take at once. */
    public static final int MOST_OPEN = 4096;

    private static final String SECTION = "page requests";
    private static final int MOST_DOMAINS = 1 << 16;

    /** Times that a drain is begun, while the queue has no room each time. */
    private static final int MOST_DRAINS = 4;

    private final PageRequestPort chip;
    private final SortedMap<Integer, Book> books = new TreeMap<>();

    /** Requests of one domain: those that its guest has not taken, and the last ones of groups that it has to answer. */
    private record Book(List<PageRequest> waiting, List<PageRequest> open) {
        Book() {
            this(new ArrayList<>(), new ArrayList<>());
        }

        boolean isFull() {
            return waiting.size() >= MOST_WAITING || open.size() > MOST_OPEN - MOST_WAITING;
        }

        boolean isEmpty() {
            return waiting.isEmpty() && open.isEmpty();
        }
    }

    /** Empty books for a chip. */
    public PageRequestBooks(PageRequestPort chip) {
        this.chip = chip;
    }

    /**
     * Gives the guest of a domain its requests, the oldest first, each once.
     *
     * @param taken gets them
     * @return as {@link org.iommu4j.backend.Translator#takePageRequests}
     */
    public int take(int domain, List<PageRequest> taken, Completion completion) {
        read();
        Book book = books.get(domain);
        if (book != null) {
            for (PageRequest request : book.waiting()) {
                taken.add(request);
                if (request.wantsAnswer()) {
                    book.open().add(request);
                }
            }
            book.waiting().clear();
        }
        return Answers.of(chip.finish(), completion);
    }

    /**
     * Answers a group of a domain.
     *
     * @param last the last request of the group, as it was taken
     * @return as {@link org.iommu4j.backend.Translator#respond}
     */
    public int respond(int domain, PageRequest last, PageResponse response, Completion completion) {
        Book book = books.get(domain);
        if (book != null) {
            for (Iterator<PageRequest> open = book.open().iterator(); open.hasNext(); ) {
                PageRequest group = open.next();
                if (group.isOfGroup(last)) {
                    open.remove();
                    chip.answer(group, response);
                    return Answers.of(chip.finish(), completion);
                }
            }
        }
        return completion.refuse(Errno.ENOENT, "group", last.group(), "no such group waits for an answer");
    }

    /**
     * Some bindings of a domain have ended, so that {@link PageRequestPort#ownerOf} knows them no more: what is under way of them is read,
     * and what waits of them is invalid. That the chip does not carry a drain out changes nothing of that.
     *
     * @param ended true for the requests of those bindings
     * @param drain writes the commands after which all that a device has sent is in the queue, and waits for them; carried out again while
     *     the queue has no room meanwhile
     * @return {@code OK}, or why not everything was carried out
     */
    public Errno end(int domain, Predicate<PageRequest> ended, Supplier<Errno> drain) {
        Errno drained = Errno.OK;
        boolean again = true;
        for (int i = 0; i < MOST_DRAINS && again; i++) {
            drained = drain.get();
            again = read() && drained == Errno.OK;
        }
        Book book = books.get(domain);
        if (book != null) {
            invalidate(book.waiting(), ended);
            invalidate(book.open(), ended);
            if (book.isEmpty()) {
                books.remove(domain);
            }
        }
        Errno answered = chip.finish();
        return drained == Errno.OK ? answered : drained;
    }

    /**
     * Some bindings of devices have ended, as above. A device has sent all that it asked before it completes an invalidation of its own
     * TLB, since messages of PCI Express stay in order.
     *
     * @param outcome of the change so far; it is the answer if something went wrong in it
     * @param dropTlb writes the command that drops a device's own TLB
     * @param tags learn whether the devices answered
     * @param requesters the devices
     */
    public Errno end(
            Errno outcome,
            int domain,
            Predicate<PageRequest> ended,
            IntConsumer dropTlb,
            TranslationTags tags,
            int... requesters) {
        Errno drained = end(domain, ended, () -> {
            for (int requester : requesters) {
                dropTlb.accept(requester);
            }
            return chip.finish();
        });
        Errno settled = tags.settle(drained, requesters);
        return outcome == Errno.OK ? settled : outcome;
    }

    private boolean read() {
        return chip.read(this::accept);
    }

    private void accept(PageRequest request) {
        int domain = chip.ownerOf(request);
        if (domain == PageRequestPort.NOBODY) {
            answer(request, PageResponse.INVALID);
            return;
        }
        Book book = books.computeIfAbsent(domain, number -> new Book());
        if (book.isFull()) {
            answer(request, PageResponse.SUCCESS);
        } else {
            book.waiting().add(request);
        }
    }

    private void invalidate(List<PageRequest> requests, Predicate<PageRequest> ended) {
        for (Iterator<PageRequest> each = requests.iterator(); each.hasNext(); ) {
            PageRequest request = each.next();
            if (ended.test(request)) {
                each.remove();
                answer(request, PageResponse.INVALID);
            }
        }
    }

    private void answer(PageRequest request, PageResponse response) {
        if (request.wantsAnswer()) {
            chip.answer(request, response);
        }
    }

    // ---- state

    /**
     * Writes the section "page requests": int count of domains; of each int number, the requests that its guest has not taken, and the
     * last requests of the groups that it has not answered. Both are int count, then of each request int requester, int PASID or -1, long
     * address, booleans read, write, execute, privileged, last, and int group.
     */
    public void save(SnapshotWriter out) {
        out.section(SECTION).putInt(books.size());
        books.forEach((domain, book) -> {
            put(book.waiting(), out.putInt(domain));
            put(book.open(), out);
        });
    }

    private static void put(List<PageRequest> requests, SnapshotWriter out) {
        out.putInt(requests.size());
        for (PageRequest request : requests) {
            out.putInt(request.requester())
                    .putInt(request.pasid())
                    .putLong(request.address())
                    .putBoolean(request.read())
                    .putBoolean(request.write())
                    .putBoolean(request.execute())
                    .putBoolean(request.privileged())
                    .putBoolean(request.last())
                    .putInt(request.group());
        }
    }

    /**
     * Reads what {@link #save} wrote.
     *
     * @param isOpen true for the number of an open domain
     * @throws org.iommu4j.backend.BackendException {@code EINVAL} for a damaged section
     */
    public void load(IntPredicate isOpen, SnapshotReader in) {
        in.section(SECTION);
        int count = in.getCount(MOST_DOMAINS);
        for (int i = 0; i < count; i++) {
            int domain = in.getInt();
            Book book = new Book(getRequests(MOST_WAITING, in), getRequests(MOST_OPEN, in));
            if (!isOpen.test(domain) || books.put(domain, book) != null) {
                throw in.invalid("page requests of domain " + domain + ", which is not open or has others");
            }
        }
        in.endSection();
    }

    private static List<PageRequest> getRequests(int most, SnapshotReader in) {
        int count = in.getCount(most);
        List<PageRequest> requests = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            requests.add(new PageRequest(
                    in.getInt(),
                    in.getInt(),
                    in.getLong(),
                    in.getBoolean(),
                    in.getBoolean(),
                    in.getBoolean(),
                    in.getBoolean(),
                    in.getBoolean(),
                    in.getInt()));
        }
        return requests;
    }
}
