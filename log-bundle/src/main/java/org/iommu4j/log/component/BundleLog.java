package org.iommu4j.log.component;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.IllegalFormatException;
import java.util.Locale;
import org.osgi.framework.Bundle;
import org.osgi.framework.ServiceReference;
import org.osgi.service.log.FormatterLogger;
import org.osgi.service.log.LogLevel;
import org.osgi.service.log.LogService;
import org.osgi.service.log.Logger;
import org.osgi.service.log.LoggerConsumer;

/** The log as one bundle has it. Nobody keeps its loggers but who asked for them. */
@SuppressWarnings("deprecation") // Old clients still call what the log service had first.
final class BundleLog implements LogService {
    private final LogBook book;
    private final Bundle bundle;

    BundleLog(LogBook book, Bundle bundle) {
        this.book = book;
        this.bundle = bundle;
    }

    @Override
    public Logger getLogger(String name) {
        return getLogger(name, Logger.class);
    }

    @Override
    public Logger getLogger(Class<?> type) {
        return getLogger(type.getName(), Logger.class);
    }

    @Override
    public <L extends Logger> L getLogger(Class<?> type, Class<L> loggerType) {
        return getLogger(type.getName(), loggerType);
    }

    @Override
    public <L extends Logger> L getLogger(String name, Class<L> loggerType) {
        return getLogger(bundle, name, loggerType);
    }

    @Override
    public <L extends Logger> L getLogger(Bundle of, String name, Class<L> loggerType) {
        if (loggerType != Logger.class && loggerType != FormatterLogger.class) {
            throw new IllegalArgumentException(loggerType.getName() + " is no type of logger");
        }
        InvocationHandler handler = new Handler(book, of, name, loggerType == FormatterLogger.class);
        return loggerType.cast(
                Proxy.newProxyInstance(Logger.class.getClassLoader(), new Class<?>[] {loggerType}, handler));
    }

    @Override
    public void log(int level, String message) {
        log(null, level, message, null);
    }

    @Override
    public void log(int level, String message, Throwable exception) {
        log(null, level, message, exception);
    }

    @Override
    public void log(ServiceReference<?> reference, int level, String message) {
        log(reference, level, message, null);
    }

    @Override
    public void log(ServiceReference<?> reference, int level, String message, Throwable exception) {
        LogLevel known = switch (level) {
            case LOG_ERROR -> LogLevel.ERROR;
            case LOG_WARNING -> LogLevel.WARN;
            case LOG_INFO -> LogLevel.INFO;
            case LOG_DEBUG -> LogLevel.DEBUG;
            default -> LogLevel.TRACE;
        };
        book.add("LogService", bundle, reference, known, message, exception);
    }

    /** Logger has the same five methods for each level; the level is the first word of their names. */
    private record Handler(LogBook book, Bundle bundle, String name, boolean printf) implements InvocationHandler {
        @Override
        public Object invoke(Object logger, Method method, Object[] arguments) throws Throwable {
            String called = method.getName();
            if (called.equals("getName")) {
                return name;
            }
            if (called.startsWith("is")) {
                return book.isEnabled(level(called.substring(2, called.length() - "Enabled".length())));
            }
            if (method.getDeclaringClass() == Object.class) {
                return switch (called) {
                    case "equals" -> logger == arguments[0];
                    case "hashCode" -> System.identityHashCode(logger);
                    default -> name;
                };
            }
            LogLevel level = level(called);
            if (!book.isEnabled(level)) {
                return null;
            }
            if (arguments[0] instanceof LoggerConsumer<?> consumer) {
                consumer.accept((Logger) logger);
                return null;
            }
            log(level, String.valueOf(arguments[0]), values(arguments));
            return null;
        }

        private static LogLevel level(String word) {
            return LogLevel.valueOf(word.toUpperCase(Locale.ROOT));
        }

        private static Object[] values(Object[] arguments) {
            if (arguments.length == 2 && arguments[1] instanceof Object[] array) {
                return array;
            }
            Object[] values = new Object[arguments.length - 1];
            System.arraycopy(arguments, 1, values, 0, values.length);
            return values;
        }

        /** A service reference and an exception among the values are no part of the message. */
        private void log(LogLevel level, String format, Object[] values) {
            ServiceReference<?> reference = null;
            Throwable failure = null;
            int count = values.length;
            while (count > 0
                    && (values[count - 1] instanceof Throwable || values[count - 1] instanceof ServiceReference)) {
                count--;
                if (values[count] instanceof Throwable last) {
                    failure = last;
                } else {
                    reference = (ServiceReference<?>) values[count];
                }
            }
            Object[] used = Arrays.copyOf(values, count);
            book.add(name, bundle, reference, level, printf ? printf(format, used) : braces(format, used), failure);
        }

        private static String printf(String format, Object[] values) {
            try {
                return String.format(Locale.ROOT, format, values);
            } catch (IllegalFormatException e) {
                return format;
            }
        }

        /** Each pair of braces stands for the next value; after a backslash it stands for itself. */
        private static String braces(String format, Object[] values) {
            StringBuilder text = new StringBuilder();
            int next = 0;
            int at = 0;
            for (int found = format.indexOf("{}");
                    found >= 0 && next < values.length;
                    found = format.indexOf("{}", at)) {
                boolean escaped = found > 0 && format.charAt(found - 1) == '\\';
                text.append(format, at, escaped ? found - 1 : found)
                        .append(escaped ? "{}" : String.valueOf(values[next]));
                next += escaped ? 0 : 1;
                at = found + 2;
            }
            return text.append(format, at, format.length()).toString();
        }
    }
}
